"""What both versions say when they are compared: everyday words, each sentence a few seconds long."""

SENTENCES = (
    "Good morning. I slept well, and the sun is out already.",
    "Could you put the blue cup on the table, please?",
    "I remember that summer; we laughed the whole way home.",
    "No, thank you, I would rather wait until three o'clock.",
    "My brother rang yesterday, and we talked for an hour.",
    "It is good to see you. Come in, and close the door behind you.",
)
