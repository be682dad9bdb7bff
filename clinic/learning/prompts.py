"""Sentences to read aloud: of an ill person's life, short enough for one breath, and together with every sound.

They stand in the order in which they are asked for. Each next one was chosen for the sounds, and the pairs of sounds,
that it adds to those before it, counted on espeak's phones and divided by its length (longer ones tire); the first ten
were then put from short to long. `tests/clinic/learning/test_prompts.py` counts again. A key never changes its
sentence, since readings are kept under it: new sentences go to the end.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Prompt:
    """A sentence, and the key under which its readings are kept: en-001."""

    key: str
    text: str


_TEXTS = {
    "en": (
        "Good morning. How are you?",
        "Can you scratch my nose?",
        "That tastes really good.",
        "Are you sure about this?",
        "I am tired. Let me rest.",
        "Is there any news from home?",
        "We live at number thirty-four.",
        "Please raise the bed a little.",
        "I enjoyed that television show.",
        "My appointment is on Wednesday the twelfth.",
        "I was born in nineteen fifty-six.",
        "Coffee with milk and no sugar.",
        "Two of the white tablets, after food.",
        "Switch on the reading lamp.",
        "Happy birthday to you both.",
        "Yes, that is exactly right.",
        "I am not hungry just now.",
        "I usually measure it in the garage.",
        "Ring me at half past five.",
        "I would rather decide for myself.",
        "Thank you for your help.",
        "Where did I leave my phone?",
        "Let us play a game of chess.",
        "Could you turn me over, please?",
        "My mouth is very dry.",
        "I cannot breathe lying flat.",
        "May I have some yoghurt?",
        "The wheelchair needs a push.",
        "Give them a kiss from me.",
        "Close the door behind you.",
        "Take me into the garden.",
        "A bunch of roses, please.",
        "See you next week.",
        "The pain is worse than yesterday.",
        "I feel much better this morning.",
        "I am so proud of you.",
        "Did you watch the match?",
        "What did she say about the results?",
        "My back hurts on the left.",
        "Could I have fish and chips?",
        "Can we talk about something else?",
        "I would love a cup of tea.",
        "The soup is too thick.",
        "That is seven pounds sixty.",
        "Where did you go on holiday?",
        "Goodnight, and sleep well.",
        "I am cold. Bring me a blanket.",
        "Cheese on toast, as usual.",
        "Who is coming to visit?",
        "Our neighbour feeds the cat.",
        "Has the dog been fed?",
        "That was a good joke.",
        "Just listen for a moment.",
        "Call the nurse, please.",
        "Please charge the tablet.",
        "You are very kind.",
        "We used to walk by the river.",
        "It looks like rain again.",
        "I remember our first house.",
        "Which team won in the end?",
        "My father worked as a baker.",
        "Ask me, and not the others.",
        "Move the cushion under my elbow.",
        "No, that is not what I mean.",
        "Please open the window.",
        "How was school today?",
        "Cut it into small pieces.",
        "My sister rings on Thursday.",
        "Do not worry about me.",
        "Tell me about your journey.",
        "I need a drink of water.",
        "It is too hot in here.",
        "Stay with me a bit longer.",
        "The sun is shining at last.",
        "I have to go to the toilet.",
        "Give me my glasses.",
        "It frightens me sometimes.",
        "An orange would be nice.",
        "I have changed my mind.",
        "Let me say it again.",
        "How is the weather outside?",
        "My left foot is numb.",
        "There is a bird on the fence.",
        "Turn the television down.",
        "I miss the children.",
        "I was only joking.",
        "You make me laugh.",
        "Hold my hand, please.",
        "The pillow is too high.",
        "When is the doctor coming?",
        "I want to go outside.",
        "Please wait. I need more time.",
        "I will spell it for you.",
        "It is a quarter past eight.",
        "The bus leaves in fifteen minutes.",
        "I would like to sit up.",
        "I did not sleep well.",
        "I love you very much.",
        "I am worried about tomorrow.",
        "That makes me angry.",
        "Leave me alone for a while.",
        "What time is it now?",
        "Put some music on.",
        "It was a pleasure to meet you.",
        "Please write that down.",
        "Read me the letter again.",
    ),
    "fr": (
        "Bonne nuit, et dormez bien.",
        "Il est huit heures et quart.",
        "Bonjour, comment allez-vous ?",
        "Pouvez-vous ouvrir la fenêtre ?",
        "Merci beaucoup pour votre aide.",
        "J'ai mal au dos depuis ce matin.",
        "Installez-moi sur le côté gauche.",
        "Je voudrais me reposer maintenant.",
        "Quelqu'un a-t-il téléphoné lundi ?",
        "Ma fille vient jeudi avec les enfants.",
        "J'aimerais aller dans le jardin.",
        "Un café au lait sans sucre.",
        "Attendez, je n'ai pas fini.",
        "Le chien aboie toujours la nuit.",
        "J'ai soif, un peu d'eau, s'il vous plaît.",
        "Cette soupe est vraiment bonne.",
        "Où sont mes lunettes ?",
        "Parlez-moi de votre voyage.",
        "Il fait trop chaud dans la chambre.",
        "Non, ce n'est pas ça.",
        "Quand le médecin va-t-il venir ?",
        "Je suis content de te voir.",
        "Il pleut encore ce soir.",
    ),
}

CATALOGUES = {
    language: tuple(Prompt(f"{language}-{number:03}", text) for number, text in enumerate(texts, start=1))
    for language, texts in _TEXTS.items()
}
_BY_KEY = {prompt.key: prompt for prompts in CATALOGUES.values() for prompt in prompts}


def catalogue(language: str) -> tuple[Prompt, ...]:
    """What a patient of this language is asked to read, in order; English where there is nothing in theirs."""
    return CATALOGUES.get(language.split("-")[0].lower(), CATALOGUES["en"])


def find(key: str) -> Prompt | None:
    """The sentence of a key; None for one that is in no catalogue."""
    return _BY_KEY.get(key)
