// The patient's page waits for previews of names while there are any to wait for.

import { watch } from "./fresh.js";

watch();
