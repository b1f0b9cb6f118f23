"""Sentences for pictures that have a label but no caption.

A label becomes an everyday word ("Egyptian cat" -> "cat"), the word belongs to a kind of thing, and each kind has
sentence patterns in the manner of people describing photographs. Some everyday things have sentences of their own.
The patterns were written by hand for this project.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import cache
from pathlib import Path

SYNSET_WORDS: dict[str, str] = dict(
    line.split("\t") for line in Path(__file__).with_name("imagenet_words.txt").read_text(encoding="utf-8").splitlines()
)
"""ImageNet synset ("n01440764") -> everyday word, in the usual order of the 1,000 classes."""
IMAGENET_WORDS: tuple[str, ...] = tuple(SYNSET_WORDS.values())

EVERYDAY = {
    # ImageNet-DET
    "band aid": "bandage", "bathing cap": "swim cap", "brassiere": "bra", "cattle": "cow", "chain saw": "chainsaw",
    "chime": "wind chime", "computer keyboard": "keyboard", "cup or mug": "cup", "domestic cat": "cat",
    "electric fan": "fan", "face powder": "powder", "filing cabinet": "cabinet", "giant panda": "panda",
    "golfcart": "golf cart", "hat with a wide brim": "hat", "head cabbage": "cabbage", "horizontal bar": "gymnastics bar",
    "hotdog": "hot dog", "ipod": "ipod", "isopod": "bug", "koala bear": "koala", "maillot": "swimsuit",
    "maraca": "maracas", "miniskirt": "skirt", "ping-pong ball": "ping pong ball", "plate rack": "dish rack",
    "power drill": "drill", "puck": "hockey puck", "racket": "tennis racket", "ray": "stingray",
    "rubber eraser": "eraser", "salt or pepper shaker": "salt shaker", "snowplow": "snow plow", "sofa": "couch",
    "swimming trunks": "swim trunks", "swine": "pig", "tv or monitor": "television", "vacuum": "vacuum cleaner",
    "washer": "washing machine", "watercraft": "boat",
    # groceries
    "aubergine": "eggplant", "carrots": "carrot", "oat milk": "milk", "oatghurt": "yogurt", "pepper": "bell pepper",
    "red beet": "beet", "red grapefruit": "grapefruit", "satsumas": "orange", "sour milk": "milk", "soy milk": "milk",
    "soyghurt": "yogurt", "yoghurt": "yogurt", "passion fruit": "passion fruit",
    # rooms
    "house exterior": "house",
    # COCO
    "tv": "television", "potted plant": "plant", "remote": "remote control", "mouse": "computer mouse",
    "wine glass": "wine", "handbag": "purse", "sports ball": "ball", "skis": "ski", "donut": "donut",
}  # fmt: skip
"""Labels of other sources whose everyday word differs from the label."""


def everyday_word(label: str) -> str:
    """The word people would use for a label of objects/ or COCO."""
    label = label.lower()
    return EVERYDAY.get(label, label)


KINDS = {
    "animal": """antelope armadillo badger bear beaver bison camel cheetah chimpanzee cougar cow coyote deer dinosaur
        elephant ferret fox giraffe goat gorilla groundhog hippopotamus horse hyena jaguar kangaroo koala lemur leopard
        lion llama lynx meerkat mongoose monkey orangutan ostrich otter ox panda peacock pig platypus polar_bear
        porcupine rabbit red_panda rooster hen chicken sheep skunk sloth squirrel tiger turtle warthog water_buffalo
        wild_boar wild_dog wolf wombat zebra guinea_pig hamster frog toad""",
    "pet": "dog cat kitten puppy",
    "bird": "bird parrot owl eagle vulture hummingbird toucan heron egret stork flamingo",
    "water bird": "duck goose swan pelican penguin sea_lion seal crocodile alligator",
    "sea animal": """fish goldfish shark stingray eel jellyfish sea_anemone coral starfish sea_urchin sea_cucumber
        sea_slug whale sea_cow coral_reef lobster crab crayfish shell""",
    "small animal": """snake lizard salamander spider scorpion insect beetle bee butterfly dragonfly ladybug ant
        grasshopper cricket cockroach fly bug snail slug worm centipede tick spider_web""",
    "fruit": """apple orange lemon lime banana pear peach plum nectarine mango melon papaya kiwi pineapple strawberry
        fig pomegranate grapefruit passion_fruit avocado fruit berries""",
    "vegetable": """broccoli cauliflower cabbage cucumber zucchini squash artichoke bell_pepper mushroom carrot potato
        tomato onion garlic ginger leek asparagus beet eggplant corn vegetable""",
    "food": """pizza hamburger hot_dog sandwich burrito pasta soup bread bagel pretzel cake donut dessert ice_cream
        popsicle mashed_potatoes meat_loaf pot_pie guacamole hot_pot chocolate_sauce dough""",
    "drink": "espresso cup coffee_mug wine beer eggnog juice milk yogurt sour_cream cream glass",
    "road vehicle": """car taxi limousine jeep van truck pickup_truck fire_truck garbage_truck tow_truck moving_truck
        army_truck ambulance school_bus bus camper mobile_home sports_car race_car motorcycle moped scooter bicycle
        tricycle rickshaw carriage ox_cart cart golf_cart go_kart""",
    "work vehicle": "tractor combine forklift plow snow_plow lawn_mower tank amphibious_vehicle snowmobile dog_sled",
    "rail vehicle": "train train_car trolley",
    "boat": "boat sailboat speedboat canoe ship lifeboat gondola aircraft_carrier submarine shipwreck",
    "aircraft": "airplane airship hot_air_balloon parachute space_shuttle missile wing kite",
    "building": """house church castle palace barn temple mosque monastery lighthouse bell_tower water_tower boathouse
        greenhouse prison planetarium sawmill dome arch obelisk stone_monument totem_pole bridge dam oil_rig
        thatched_roof roof patio fountain beehive birdhouse tent cave maze""",
    "shop": """restaurant bakery bookstore shoe_store toy_store candy_store grocery_store butcher_shop barber_shop shop
        movie_theater library""",
    "landscape": "beach mountain cliff lake valley volcano geyser flower_field hay pier dock fence stone_wall",
    "room": "kitchen bathroom bedroom",
    "furniture": """bed couch chair table dining_table desk bookshelf cabinet dresser wardrobe bench rocking_chair
        throne baby_bed barber_chair chest pool_table fireplace""",
    "appliance": """refrigerator stove microwave oven dishwasher washing_machine toaster coffee_maker waffle_iron
        slow_cooker vacuum_cleaner sewing_machine radiator heater fan vending_machine cash_machine copier printer
        gas_pump parking_meter pay_phone slot_machine""",
    "bathroom thing": "toilet sink bathtub tub shower_curtain soap_dispenser toilet_paper plunger paper_towel towel",
    "screen": "television monitor laptop computer screen website",
    "device": """keyboard computer_mouse cell_phone telephone remote_control camera radio speaker cassette_player
        tape_player cd_player cassette_tape ipod modem hard_drive joystick projector clock digital_clock watch stopwatch
        hourglass oscilloscope microphone typewriter scale compass gauge hair_dryer iron""",
    "instrument": """guitar violin cello piano accordion banjo harp drum flute trumpet trombone saxophone oboe bassoon
        french_horn harmonica maracas xylophone organ steel_drum gong pan_flute ocarina wind_chime""",
    "ball": """baseball basketball soccer_ball tennis_ball golf_ball volleyball rugby_ball ping_pong_ball croquet_ball
        ball hockey_puck frisbee""",
    "sport thing": """tennis_racket ski barbell dumbbell punching_bag balance_beam gymnastics_bar parallel_bars
        football_helmet helmet paddle snorkel skateboard surfboard snowboard baseball_bat baseball_glove""",
    "clothing": """coat fur_coat sweater sweatshirt jersey dress skirt suit robe kimono poncho cloak apron vest
        lab_coat swimsuit bikini swim_trunks bra tie bow_tie scarf feather_scarf hat cowboy_hat bearskin_hat
        graduation_cap graduation_gown swim_cap shower_cap ski_mask mask gas_mask oxygen_mask wig necklace
        military_uniform armor chain_mail diaper bib neck_brace knee_pad""",
    "worn thing": """shoe running_shoe sandal cowboy_boot sock christmas_stocking mitten backpack purse bag wallet
        umbrella lipstick perfume lotion sunscreen hair_spray hair_clip powder suitcase handkerchief""",
    "container": """bowl plate dish tray pot frying_pan wok mixing_bowl teapot coffee_pot pitcher jug vase flower_pot
        bottle beer_bottle wine_bottle water_bottle soda_bottle pill_bottle baby_bottle milk_can bucket barrel
        rain_barrel basket box crate trash_can mailbox measuring_cup beaker cocktail_shaker salt_shaker
        piggy_bank safe packet plastic_bag envelope shopping_cart wheelbarrow""",
    "tool": """hammer screwdriver drill chainsaw axe shovel broom mop knife spatula ladle wooden_spoon strainer
        can_opener corkscrew letter_opener paintbrush pen feather_pen eraser pencil_sharpener pencil_box ruler nail
        screw hook padlock chain safety_pin buckle lighter match tool tool_box fork spoon scissors toothbrush syringe
        stethoscope crutch abacus magnifying_glass binoculars rifle gun cannon sword shield holster whistle
        guitar_pick drumstick muzzle tripod dish_rack dish_cloth thimble spool reel switch plow_tool""",
    "home thing": """lamp candle pillow quilt rug mat curtain window window_blinds mirror teddy_bear puzzle book
        comic_book notebook binder crossword_puzzle menu medicine_cabinet sleeping_bag bottle_cap swing
        carousel jack-o-lantern plaque mousetrap oil_filter lens_cap manhole_cover wheel brake seat_belt
        railing turnstile sliding_door grille vault pedestal street_sign traffic_light stop_sign fire_hydrant
        scoreboard spotlight stage solar_panel satellite_dish sundial flag_pole pole pinwheel torch
        punching_bag honeycomb wool velvet knot coil bubble fossil""",
    "flower": "flower daisy acorn nut fungus plant",
    "person": "person baseball_player diver groom",
}
PLURAL_OR_MASS = set(
    """sunglasses jeans pajamas binoculars scissors maracas berries mashed_potatoes guacamole chocolate_sauce dough
    hay wine beer eggnog juice milk yogurt sour_cream cream espresso pasta soup bread broccoli cauliflower corn garlic
    ginger asparagus toilet_paper perfume lotion sunscreen hair_spray powder wool velvet armor chain_mail fruit coral
    swim_trunks parallel_bars window_blinds ice_cream food""".replace("_", " ").split()
) | {"swim trunks", "parallel bars", "window blinds", "ice cream", "toilet paper", "sour cream", "hair spray",
     "mashed potatoes", "chocolate sauce", "chain mail"}  # fmt: skip

PATTERNS = {
    "animal": "{a} standing in the grass|{a} is standing in a field|{a} standing on a dirt ground|a close up of {a}"
    "|{a} walking in the grass near trees|a brown {w} is looking at the camera",
    "pet": "{a} is sitting on the floor|{a} laying on a bed|a close up of {a} looking at the camera"
    "|a white {w} laying on a couch|{a} sitting next to a window",
    "bird": "{a} sitting on a branch|{a} perched on a tree branch|a close up of {a}|{a} is standing on the ground"
    "|a small {w} sitting on top of a wooden post",
    "water bird": "{a} in the water|{a} is swimming in the water|{a} standing near the water|{a} on the shore of a lake"
    "|a close up of {a}",
    "sea animal": "{a} in the water|{a} swimming under water|a close up of {a}|{a} laying on the sand"
    "|a picture of {a} in the ocean",
    "small animal": "a close up of {a}|{a} on a green leaf|{a} sitting on a rock|{a} is on the ground"
    "|a close up picture of {a} on a plant",
    "fruit": "a bunch of {w}s on a table|{a} on a table|a pile of {w}s|a close up of {a}|a bowl of {w}s on a table",
    "vegetable": "a bunch of {w} on a table|{a} on a table|a pile of {w} on display|a close up of some {w}"
    "|a plate of food with {w}",
    "food": "{a} on a plate|a plate of food with {a}|a close up of {a} on a table|{a} sitting on top of a white plate"
    "|a plate with {a} on a table",
    "drink": "a cup of {w} on a table|a glass of {w} on a table|a close up of {a}|a white cup of {w} sitting on a table"
    "|{a} sitting on top of a wooden table",
    "road vehicle": "{a} parked on the side of the road|{a} driving down a street|{a} parked in a parking lot"
    "|a red {w} parked in front of a building|{a} is driving down the road",
    "work vehicle": "{a} in a field|{a} is parked on the ground|a large {w} driving down a road"
    "|a red {w} sitting on top of a field",
    "rail vehicle": "{a} traveling down the tracks|{a} on the tracks near a station|a train on the train tracks"
    "|{a} is pulling into a train station|a red and yellow {w} on the tracks",
    "boat": "{a} in the water|{a} floating on the water|{a} on a lake|a small {w} in the middle of the ocean"
    "|{a} docked at a pier",
    "aircraft": "{a} flying in the sky|{a} flying through a blue sky|{a} in the air|a large {w} on a runway"
    "|{a} is flying in a cloudy sky",
    "building": "{a} with trees in the background|a large {w} under a blue sky|a view of {a}"
    "|a stone {w} in front of a cloudy sky|{a} next to a tree",
    "shop": "the inside of {a}|{a} on a city street|people in {a}|a store front of {a}",
    "landscape": "a view of {a}|{a} under a cloudy sky|{a} with trees in the background|people near {a}"
    "|a view of {a} under a blue sky",
    "room": "{a} with white walls|a view of {a}|a clean {w} with a window|a small {w} with wooden cabinets",
    "furniture": "{a} in a room|{a} in a living room|a wooden {w} in a room next to a window|{a} next to a wall"
    "|a room with {a}",
    "appliance": "{a} in a kitchen|{a} sitting on a counter|a white {w} in a room|a close up of {a}"
    "|{a} sitting next to a wall",
    "bathroom thing": "{a} in a bathroom|a bathroom with {a}|a white {w} next to a wall|a close up of {a}"
    "|a bathroom with {a} and a mirror",
    "screen": "{a} sitting on a desk|{a} on a table|{a} in a living room|a desk with {a} on it",
    "device": "{a} on a table|a close up of {a}|{a} sitting on a desk|an old {w} on a wooden table|a black {w}",
    "instrument": "a man is playing {a}|{a} on a table|a person playing {a}|a close up of {a}"
    "|a man in a black shirt playing {a} on stage",
    "ball": "{a} on the grass|{a} on a white background|a close up of {a}|a person holding {a}",
    "sport thing": "a person with {a}|a man holding {a}|{a} on the ground|a close up of {a}",
    "clothing": "a person wearing {a}|a woman wearing {a}|a man wearing {a}|a woman in {a} posing for a picture",
    "worn thing": "{a} on a table|a close up of {a}|a person holding {a}|{a} sitting on the floor|{a} on a white background",
    "container": "{a} on a table|{a} sitting on top of a table|a close up of {a}|a white {w} on a wooden table"
    "|{a} filled with food",
    "tool": "{a} on a table|a person holding {a}|a close up of {a}|{a} on a wooden table",
    "home thing": "{a} in a room|a close up of {a}|{a} on a table|{a} on the side of a building",
    "flower": "{a} in a garden|a close up of {a}|a yellow {w} in the grass|{a} in a vase on a table",
    "person": "{a} standing on a street|a man standing in front of a building|{a} posing for a picture",
    "other": "{a} on a table|a close up of {a}|a picture of {a}|{a} on a white background",
}

OWN_SENTENCES = {
    "kitchen": "a kitchen with a stove and a sink|a kitchen with wooden cabinets and a refrigerator"
    "|a kitchen with white appliances and a window|a clean kitchen with a stove , sink and microwave"
    "|a kitchen filled with lots of counter space",
    "bathroom": "a bathroom with a toilet and a sink|a bathroom with a sink and a large mirror"
    "|a white bathroom with a toilet and a bathtub|a bathroom with a toilet , sink and shower"
    "|a small bathroom with a sink under a mirror",
    "bedroom": "a bedroom with a large bed and a window|a bed in a bedroom with a lamp"
    "|a bedroom with a bed and a dresser|a room with a bed , a chair and a window|a neatly made bed in a bedroom",
    "house": "a house with a green lawn in front|a large house with a garage and a driveway"
    "|a white house with trees in the front yard|a view of a house with a car parked in front|the front of a house",
    "bus": "a bus driving down a city street|a double decker bus parked on the side of the road"
    "|a red and white bus is parked at a bus stop|a city bus is driving down the street|a large bus on a street",
    "train": "a train traveling down the train tracks|a train is pulling into a train station"
    "|a yellow and red train on the tracks|a passenger train parked at a station|a train on a track next to a platform",
    "car": "a car parked on the side of the street|a car driving down a road|a red car parked in a parking lot"
    "|a car is parked in front of a building|an old car parked in the grass",
    "cat": "a cat laying on a bed|a cat sitting on top of a couch|a black and white cat sitting on the floor"
    "|a close up of a cat looking at the camera|a cat is laying on a blanket",
    "person": "a man standing in front of a building|a woman is smiling at the camera|a person standing in a room"
    "|a group of people standing in a room|a man is looking at the camera",
    "motorcycle": "a motorcycle parked on the side of the road|a man riding a motorcycle down a street"
    "|a black motorcycle parked in a parking lot|a close up of a motorcycle|a motorcycle is parked on the street",
    "bicycle": "a bicycle parked next to a building|a person riding a bicycle down a street|a bicycle leaning on a wall"
    "|a bike parked on the side of the street|a close up of a bicycle",
    "airplane": "an airplane flying in the sky|a large airplane on a runway|an airplane is parked at an airport"
    "|a plane flying through a blue sky|a jet airplane sitting on a runway",
    "boat": "a boat in the water|a small boat on a lake|boats docked at a pier|a boat floating in the middle of the ocean"
    "|a white boat on the water near the shore",
    "horse": "a horse standing in a field|a brown horse standing in the grass|a person riding a horse"
    "|a horse standing next to a fence|two horses grazing in a green field",
    "cow": "a cow standing in a field|a herd of cows grazing in a green field|a brown cow standing in the grass"
    "|a black and white cow standing next to a fence|cows laying on the grass",
    "sheep": "a sheep standing in the grass|a herd of sheep grazing in a field|a white sheep in a green field"
    "|a group of sheep standing next to a fence|sheep grazing on a grassy hill",
    "elephant": "an elephant standing in the grass|a large elephant walking in a field|an elephant standing near trees"
    "|two elephants walking on a dirt road|a close up of an elephant",
    "bear": "a brown bear walking in the grass|a bear standing in the water|a large brown bear in a field"
    "|a black bear standing on a rock|a close up of a bear",
    "zebra": "a zebra standing in a field|a zebra grazing in the grass|two zebras standing next to each other"
    "|a group of zebras in a grassy field|a close up of a zebra",
    "giraffe": "a giraffe standing in a field|a giraffe standing next to a tree|two giraffes standing near trees"
    "|a tall giraffe in the grass|a giraffe walking in a grassy field",
    "bird": "a bird sitting on a branch|a small bird perched on a tree branch|a bird standing on the ground"
    "|a bird flying over the water|a close up of a bird",
    "pizza": "a pizza sitting on a table|a pizza with cheese and vegetables on a plate|a close up of a pizza"
    "|a slice of pizza on a plate|a large pizza on a wooden table",
    "hot dog": "a hot dog on a bun|a hot dog with mustard and ketchup on a plate|two hot dogs on a table"
    "|a close up of a hot dog|a person holding a hot dog",
    "cake": "a cake on a table|a birthday cake with candles|a piece of cake on a plate|a chocolate cake on a white plate",
    "sandwich": "a sandwich on a plate|a sandwich cut in half on a plate|a close up of a sandwich on a table",
    "donut": "a box of donuts on a table|a donut on a plate|a close up of a donut",
    "banana": "a bunch of bananas on a table|a bunch of ripe bananas|bananas hanging from a tree|a close up of bananas",
    "broccoli": "a plate of food with broccoli|a bowl of broccoli on a table|a close up of some broccoli",
    "toilet": "a white toilet in a bathroom|a toilet with the seat up|a bathroom with a toilet and a sink"
    "|a toilet sitting next to a wall|a close up of a toilet",
    "sink": "a white sink in a bathroom|a bathroom sink under a mirror|a kitchen sink with dishes in it",
    "refrigerator": "a white refrigerator in a kitchen|a refrigerator with magnets on it"
    "|a kitchen with a refrigerator and a stove|an open refrigerator filled with food",
    "stove": "a stove in a kitchen|a kitchen with a stove and a microwave|pots on top of a stove|a white stove top oven",
    "oven": "a kitchen with an oven and a microwave|a white oven in a kitchen|food cooking in an oven",
    "microwave": "a microwave sitting on a kitchen counter|a microwave in a kitchen|a white microwave on a shelf",
    "couch": "a couch in a living room|a living room with a couch and a television|a brown couch next to a table",
    "bed": "a bed in a bedroom|a large bed with white sheets and pillows|a bed in a room next to a window",
    "television": "a television in a living room|a flat screen television on a stand|a living room with a television",
    "laptop": "a laptop computer sitting on a desk|an open laptop on a table|a person using a laptop computer",
    "keyboard": "a computer keyboard on a desk|a close up of a keyboard|a keyboard and a mouse on a desk",
    "computer mouse": "a computer mouse on a desk|a keyboard and a computer mouse on a table|a close up of a computer mouse",
    "cell phone": "a person holding a cell phone|a cell phone on a table|a close up of a cell phone in a hand",
    "remote control": "a remote control on a table|a person holding a remote control|a close up of a remote control",
    "teddy bear": "a teddy bear sitting on a bed|a brown teddy bear on a chair|a stuffed teddy bear sitting on a table",
    "traffic light": "a traffic light on a city street|a red traffic light hanging over a street"
    "|a close up of a traffic light|a traffic light in front of a building",
    "street sign": "a street sign on a pole|a street sign in front of a building|a sign on the side of the road",
    "stop sign": "a red stop sign on a pole|a stop sign on the side of the road|a stop sign in front of a tree",
    "fire hydrant": "a fire hydrant on the side of the street|a red fire hydrant on a sidewalk|a fire hydrant in the grass",
    "bench": "a bench in a park|a wooden bench sitting in the grass|a person sitting on a bench|an empty park bench",
    "umbrella": "a person holding an umbrella|a woman walking in the rain with an umbrella|a colorful umbrella"
    "|a group of people with umbrellas|an umbrella on a beach",
    "clock": "a clock on a wall|a clock on the side of a building|a large clock tower in a city|a close up of a clock"
    "|a white clock hanging on a wall",
    "vase": "a vase with flowers on a table|a vase filled with flowers|a glass vase of flowers sitting on a table",
    "cup": "a cup of coffee on a table|a cup on a saucer|a close up of a cup of coffee|a white cup on a wooden table",
    "espresso": "a cup of espresso on a table|a cup of coffee on a saucer|a close up of a cup of espresso"
    "|a white cup of espresso with a spoon|a cup of espresso sitting on a wooden table",
    "wine": "a glass of wine on a table|a glass of red wine next to a bottle|a person holding a glass of wine",
    "dog": "a dog laying on the floor|a dog standing in the grass|a close up of a dog|a brown dog is looking at the camera",
    "suit": "a man in a suit and tie|a man wearing a suit posing for a picture|a man in a black suit",
    "tie": "a man wearing a shirt and tie|a man in a suit and tie|a close up of a man wearing a tie",
    "sunglasses": "a woman wearing sunglasses|a man wearing sunglasses|a pair of sunglasses on a table"
    "|a close up of a person wearing sunglasses",
    "jeans": "a person wearing jeans|a pair of blue jeans|a woman wearing jeans and a shirt",
    "pajamas": "a child wearing pajamas|a person in pajamas|a boy in pajamas sitting on a bed",
    "book": "a book on a table|a person reading a book|a stack of books on a shelf|a close up of a book",
    "scissors": "a pair of scissors on a table|a close up of a pair of scissors|a person holding scissors",
    "food": "a plate of food on a table|a close up of a plate of food|a table with plates of food",
    "plate": "a plate of food on a table|a white plate with food on it|a close up of a plate of food",
    "table": "a table with plates of food on it|a wooden table in a room|a table with chairs in a dining room",
    "dining table": "a dining room table with chairs|a dining table with plates of food|a wooden dining table in a room",
    "baseball player": "a baseball player swinging a bat|a baseball player throwing a ball|a baseball player on a field"
    "|a baseball player is running on the field",
    "tennis racket": "a person holding a tennis racket|a tennis player swinging a racket|a woman playing tennis on a court",
    "ski": "a person on skis in the snow|a man riding skis down a snow covered slope|a skier going down a hill",
    "surfboard": "a man riding a wave on a surfboard|a person carrying a surfboard on the beach",
    "skateboard": "a man riding a skateboard|a person doing a trick on a skateboard",
    "frisbee": "a dog catching a frisbee|a man throwing a frisbee in a park",
    "kite": "people flying kites on a beach|a kite flying in the sky|a person flying a kite",
    "suitcase": "a suitcase on the floor|a person with a suitcase|a pile of suitcases",
    "chair": "a chair in a room|a wooden chair next to a table|an empty chair sitting on the floor",
    "truck": "a truck parked on the side of the road|a large truck driving down a road|a red truck in a parking lot",
    "fire truck": "a red fire truck parked on the street|a fire truck driving down a street|a large fire truck",
    "beach": "people on a beach near the ocean|a sandy beach with waves|a view of a beach and the ocean"
    "|a beach with people walking on the sand",
    "mountain": "a mountain covered in snow|a view of mountains under a blue sky|a snowy mountain with trees",
    "lake": "a lake with trees in the background|a view of a lake and mountains|a calm lake under a cloudy sky",
    "restaurant": "people sitting at tables in a restaurant|the inside of a restaurant|a restaurant with tables and chairs",
    "castle": "a castle on a hill|a large stone castle under a blue sky|a view of an old castle",
    "church": "a large church with a tower|a church with a tall steeple|a stone church under a blue sky",
    "plant": "a plant in a pot|a green plant on a table|a potted plant next to a window",
    "fork": "a fork on a plate|a plate of food with a fork|a fork and a knife on a table",
    "knife": "a knife on a cutting board|a person holding a knife|a knife on a table",
    "bottle": "a bottle on a table|a bottle of wine and a glass|bottles on a shelf",
    "bowl": "a bowl of food on a table|a bowl filled with fruit|a white bowl on a table",
}  # fmt: skip
"""Sentences in the manner of COCO for things that most pictures show."""


@cache
def kind_of(word: str) -> str:
    """The kind of thing of an everyday word, "other" where none is named."""
    for kind, words in KINDS.items():
        if word.replace(" ", "_") in words.split():
            return kind
    return "other"


def with_article(word: str) -> str:
    """ "a dog", "an apple", "some hay"."""
    if word in PLURAL_OR_MASS:
        return f"some {word}"
    return f"an {word}" if word[0] in "aeiou" and not word.startswith(("uni", "euro")) else f"a {word}"


def sentences_for(word: str) -> list[str]:
    """Every sentence known for a word: its own ones, or the patterns of its kind."""
    if word in OWN_SENTENCES:
        return OWN_SENTENCES[word].split("|")
    patterns = PATTERNS[kind_of(word)].split("|")
    return [pattern.format(w=word, a=with_article(word)) for pattern in patterns]


def captions_for(words: Sequence[str], draw: random.Random, count: int = 5) -> list[str]:
    """``count`` sentences for a labelled picture; of several labels, each sentence takes one, things before people."""
    things = [word for word in words if word != "person"] or words
    out: list[str] = []
    for position in range(count):
        pool = [sentence for sentence in sentences_for(things[position % len(things)]) if sentence not in out]
        out.append(draw.choice(pool or sentences_for(things[position % len(things)])))
    return out
