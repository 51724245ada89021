"""Labels with their article: "a dog", "an hourglass", but "music" and "stairs"."""

from __future__ import annotations

import re

# What takes "a" or "an" where a label ends in it. Other labels stand as they are: they may be
# plural, uncountable ("rain", "frying"), a name or an adjective.
_NOUNS = """
abacus acorn airplane albatross alligator alp altar animal ape appliance apron arch baboon
backpack bag ball banana bang bannister barbershop bark barn barrel basketball bathtub beacon
beaker bear bed bee bench bighorn bikini bird birdhouse bison blender boat book bookshelf bottle
bowl box brace bridge broom bucket building bullfrog bus butterfly cabinet camel candle cannon
car cardigan cat cauliflower centipede chain chainsaw chair chest chihuahua chimpanzee chirp
cliff clock coat cockroach compass conditioner cone confectionery constrictor control
convertible cougar cough cow crane cry cucumber cup cupboard curtain dam desk device dish
dishwasher dog door dragonfly drawer dresser drill drumstick dugong dumbbell dwelling elephant
espresso fan fence fire fixture flagpole fly fountain frog gasmask gazelle go-kart goldfish
gondola goose gown grasshopper guitar gunshot heater helicopter hog hood horn hourglass insect
instrument ipod jackhammer jellyfish jinrikisha jug keyboard kimono knock koala ladybug lakeside
lamp lampshade landscape laptop lemon lifeboat limousine lion loaf lobster lolly machine mantel
mantis mask maypole meow meter miniskirt monarch monitor mountain mower mushroom nail obelisk
object oboe orange orangutan organ oven ox pan panda pay-phone penguin pepper person pet piano
pig pizza plant plate player plunger pole pomegranate poncho poodle pot potpie pretzel
projectile radio reef reel refrigerator reptile retriever robe rooster salamander sandal
scoreboard scorpion screen seashore seat sheep shepherd shop shore sink siren slug snail sneeze
snorkel sock sofa sombrero sound spider spoon stand stick stocking stool stopwatch stork syringe
tabby table tap tarantula teapot teddy tent terrier tick tie toilet tool torch tower tractor
train trilobite trolleybus turn turnstile umbrella uniform van vase vegetable vehicle vessel
vestment viaduct voice volleyball wagon wardrobe weapon web wheel widow wok xbox
"""
_COUNTED = frozenset(_NOUNS.split())

# By sound: "an hourglass" and "an xbox", but "a European" and "a uniform".
_VOWEL = re.compile(r"(?!eu|one\b|uni|use)[aeiou]|hour|heir|x[^aeiouy]", re.IGNORECASE)


def with_article(label: str) -> str:
    """The label as a sentence has it: "a dog", "a mask or glasses", "rain".

    Of alternatives ("mask or glasses"), the first decides.
    """
    last = re.split(", | or ", label, maxsplit=1)[0].split(" ")[-1]
    if last.lower() not in _COUNTED:
        return label
    return f"{'an' if _VOWEL.match(label) else 'a'} {label}"
