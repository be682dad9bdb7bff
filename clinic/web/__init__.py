"""What all pages share: headers, limits, errors, the request log, times and sizes in words, sealed playback."""
