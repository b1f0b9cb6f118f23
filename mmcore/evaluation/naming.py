"""Does a caption name the thing in the picture? Label, synonym or a broader word that a person would accept.

CIDEr-D says little about pictures that have only a label. So: a caption names the label "Egyptian cat" if it says
"cat", and the label "heron" if it says "heron" or "bird"; "animal" or "thing" is too broad to count.
"""

from __future__ import annotations

from collections.abc import Iterable

from mmcore.evaluation.caption_scores import tokenize

ACCEPTED = """
    airplane: plane aeroplane jet aircraft
    airship: blimp balloon
    amphibious vehicle: vehicle truck boat
    army truck: truck tank
    axe: hatchet
    baby bed: crib cradle bed bassinet
    backpack: bag
    bandage: band-aid
    baseball player: player
    bathroom: restroom
    bathtub: tub bath
    beach: shore seashore coast sand
    bell tower: tower church building
    bicycle: bike
    bikini: swimsuit
    boat: ship sailboat canoe kayak ferry yacht speedboat
    bookshelf: bookcase shelf shelves books
    bookstore: store shop books
    bra: underwear bikini lingerie
    bug: insect
    bus: school-bus
    butcher shop: shop store meat
    cabinet: cupboard dresser
    camper: van rv trailer
    canoe: boat kayak
    car: vehicle
    carriage: cart wagon
    cash machine: atm machine
    castle: building
    cell phone: cellphone phone telephone
    chicken: bird hen rooster
    church: building cathedral
    coat: jacket
    coffee mug: cup mug coffee
    computer: desktop monitor
    computer mouse: mouse
    couch: sofa
    cow: cattle cows bull ox
    cup: mug coffee tea
    daisy: flower flowers
    dining table: table
    diver: swimmer
    dresser: chest drawers cabinet
    espresso: coffee
    fence: gate
    flower pot: pot plant vase
    frying pan: pan skillet
    glass: goblet cup wine
    go kart: kart car cart
    goldfish: fish
    grocery store: store market supermarket shop
    hair dryer: dryer
    hamburger: burger cheeseburger sandwich
    hen: chicken bird
    hot dog: hotdog sausage
    house: home building
    keyboard: keys
    lake: water pond river
    limousine: car limo
    mountain: mountains hill hills
    motorcycle: motorbike bike
    movie theater: theater cinema
    orange: oranges tangerine
    ox: cow bull cattle
    person: man woman boy girl child people men women lady guy player skier surfer rider baby kid children boys
            girls kids group crowd couple
    pickup truck: truck
    pier: dock
    pig: hog
    police van: van
    purse: bag handbag
    race car: car
    refrigerator: fridge
    rooster: chicken bird
    sailboat: boat ship
    school bus: bus
    sea lion: seal
    seal: sea-lion
    ship: boat
    shoe: shoes sneaker
    snow plow: truck plow
    sports car: car
    stove: oven
    sunglasses: glasses
    swimsuit: bikini suit
    table: desk
    taxi: car cab
    television: tv screen monitor
    temple: building
    train car: train
    tricycle: bike
    trolley: train tram bus
    truck: vehicle
    washing machine: washer machine dryer
    watch: clock wristwatch
    wine: glass
    woman: lady
    yogurt: yoghurt milk
    milk: carton
    wolf: dog
    coyote: wolf dog
    wild dog: dog
    kitten: cat
    puppy: dog
    stork: bird
    monitor: screen computer television
    screen: television monitor
    oven: stove
    pistol: gun
    rifle: gun
    gun: pistol rifle
    cliff: rock rocks mountain
    wardrobe: closet cabinet dresser
    crocodile: alligator
    alligator: crocodile
    leopard: cheetah jaguar
    jaguar: leopard cheetah
    cheetah: leopard
    cougar: lion
    lynx: cat
    hay: haystack straw
"""
"""Everyday word: other words that a person would accept for it."""

BROADER = """
    bird: parrot owl eagle vulture hummingbird toucan heron egret stork flamingo duck goose swan pelican penguin
            ostrich peacock rooster hen
    fish: goldfish shark eel stingray
    insect: beetle bee fly ant grasshopper cricket cockroach butterfly dragonfly ladybug bug
    monkey: chimpanzee gorilla orangutan lemur
    goat: antelope sheep
    sheep: goat
    deer: antelope
    fruit: apple orange lemon lime banana pear peach plum nectarine mango melon papaya kiwi pineapple strawberry fig
            pomegranate grapefruit berries avocado
    vegetables: broccoli cauliflower cabbage cucumber zucchini squash artichoke carrot potato tomato onion garlic
            leek asparagus beet eggplant corn vegetable
    food: pizza hamburger burrito pasta soup bread bagel pretzel guacamole dessert meat_loaf pot_pie hot_pot plate
    hat: cowboy_hat bearskin_hat graduation_cap swim_cap shower_cap
    helmet: football_helmet
    clothes: coat sweater sweatshirt jersey dress skirt suit robe kimono poncho cloak
    building: house church castle palace barn temple mosque monastery library restaurant prison greenhouse
    store: bakery candy_store shoe_store toy_store shop barber_shop
"""
"""Broader word: what it may stand for (an underscore joins the parts of a name)."""


def _table(text: str) -> dict[str, list[str]]:
    """Lines "name: word word ...", continued on lines that begin with more space."""
    joined = text.replace("\n        ", " ")
    pairs = (line.split(":") for line in joined.strip().splitlines())
    return {name.strip(): words.split() for name, words in pairs}


_ACCEPTED, _BROADER = _table(ACCEPTED), _table(BROADER)


def accepted_words(label: str) -> set[str]:
    """Every single word that names the label: its own, the last word of a compound, synonyms, near broader words."""
    words = {label, label.split(" ")[-1], *_ACCEPTED.get(label, [])}
    words |= {broad for broad, narrow in _BROADER.items() if label.replace(" ", "_") in narrow}
    return words


def _forms(word: str) -> set[str]:
    plurals = {word + "s", word + "es"}
    if word.endswith("y"):
        plurals.add(word[:-1] + "ies")
    if word.endswith("f"):
        plurals.add(word[:-1] + "ves")
    return {word, *plurals, word.removesuffix("s")} if len(word) > 3 else {word, *plurals}


def names_one_of(caption: str, labels: Iterable[str]) -> bool:
    """Whether the caption names at least one of the labels (all are in the picture; naming one of them is enough)."""
    text = f" {' '.join(tokenize(caption))} "
    return any(f" {form} " in text for label in labels for word in accepted_words(label) for form in _forms(word))
