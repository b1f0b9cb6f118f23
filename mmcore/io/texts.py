"""The words of a post, as people type them on telephones -> the words that a model and a word list read.

The same sentence gives the same answer whatever keyboard wrote it: typographic apostrophes and quotation marks, HTML
entities, hashtags with and without capitals, emoji. What is no word is not read as one: links, @names, file names.
Everything here is pure and light.
"""

from __future__ import annotations

import html
import re
import unicodedata
from functools import cache
from itertools import product

from mmcore.io.chinese import dictionary

# Link and @name have a fixed stand-in where posts without and with them differ; their letters say nothing.
LINK = re.compile(
    r"""
    \b(?:https?|ftp)://\S+ | \bwww\.\S+
    | (?://)?\b[\w-]+(?:\.[\w-]+)*\.(?:
        com|org|net|edu|gov|io|co|cn|de|uk|fr|es|eu|ru|jp|kr|br|nl|se|pl|ch|ca|au|nz|info|biz|xyz|tv|ly|ai|gg|dev|app
      )\b(?:[/?\#]\S*)?
    | (?://)?\b[\w-]+(?:\.[\w-]+)*\.(?-i:[a-z]{2,13})(?::\d+)?/\S*  # another ending, but with a path behind it
    """,
    re.I | re.X,
)
MAIL = re.compile(r"(?:\bmailto:)?\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+", re.I)
NAME = re.compile(r"(?<!\w)@(?:@user|\w+(?:[.-][a-z0-9_]\w*)*)|(?<![\w/])/?[ur]/\w[\w-]+")
FILE = re.compile(
    r"""
    (?:[A-Z]:\\|\\\\|~/|(?<!\w)/(?:home|users|usr|var|tmp|etc|mnt|media|opt|root|srv|volumes)/)\S+  # a path
    | (?:[\w.~-]*[/\\])*[\w.-]*[\w-]\.(?:
        jpe?g|png|gif|webp|heic|heif|avif|bmp|tiff?|svg|psd|raw|cr2|nef|dng|ico
        |mp[34]|m4[av]|wav|ogg|opus|flac|aac|wma|mov|avi|mkv|webm|wmv|flv|mpe?g|3gp|srt
        |pdf|docx?|xlsx?|pptx?|od[tsp]|rtf|epub|csv|tsv|txt|md|json|xml|html?|ya?ml|ini|log|tex
        |zip|rar|7z|tar|t?gz|bz2|iso|exe|dll|apk|dmg|deb|bak|py|ipynb|js|css|cpp|java|sh|bat|sql
      )\b
    """,
    re.I | re.X,
)
TAG = re.compile(r"</?[a-z][^<>]{0,200}>", re.I)
HASHTAG = re.compile(r"(?<![\w&])#(\w+)")
DENIED_HASHTAG = re.compile(r"((?:\b(?:not|no|never|hardly|without)|n't)\s+(?:\w+\s+){0,2})#(?=\w)", re.I)
HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|_+|(?<=[A-Za-z])(?=\d)|(?<=\d)(?=[A-Za-z])")
SIGNS = str.maketrans(
    dict.fromkeys("’‘‛´`ʼʻʹˈ′՚＇ꞌ", "'") | dict.fromkeys("“”„‟«»″＂", '"') | dict.fromkeys("\u200b\u2060\u00ad\ufeff")
)
"""Apostrophes and quotation marks of all keyboards; what takes no place and shows nothing goes."""
TORN = re.compile(r"(?<=[a-z])\s(?=(?:'(?:t|s|re|ve|ll|d|m)|n't)\b)", re.I)
"""The blank in "isn 't" and "is n't", as tokenisers write it."""
LOOKALIKES = str.maketrans("аеорсухіѕјһԁԛԝАВЕКМНОРСТХІЅЈοαΟΑΒΕΗΙΚΜΝΡΤΧ", "aeopcyxisjhdqwABEKMHOPCTXISJoaOABEHIKMNPTX")
"""Cyrillic and Greek letters that look Latin, for words in which they stand among Latin ones."""
DRAWN = re.compile("[^\\W\\d_]", re.ASCII)
ENTITIES_INSIDE = 3
"""Times that a text may have been escaped: "&amp;#39;"."""

EMOTICONS: dict[str, str] = {
    sign: word
    for word, signs in {
        "happy": ":) :-) :] =) (: :D :-D =D xD XD ^^ ^_^ ;) ;-) :P :-P :p ;P :'D",
        "love": "<3 :* :-*",
        "sad": ":( :-( :[ =( ): :'( :,( ;( ;_; T_T T.T QQ D: D:",
        "angry": ">:( >:-( :@",
        "heartbroken": "</3 <\\3",
        "annoying": ":/ :-/ :\\ =/ -_- :| :-| ._.",
    }.items()
    for sign in signs.split()
}
"""Faces drawn with signs -> a word, for posts that have no words; VADER rates them among words."""

EMOJI: dict[str, str] = {
    sign: word
    for word, signs in {
        "happy": "😀 😃 😄 😁 😊 🙂 😺 😸 🤗 ☺ 😇 🥳 🎉 🎊 😎 😌 🌞 🌻 🎈 🤠 ☻",
        "love": "❤ ♥ ❣ 😍 🥰 😘 😚 😙 😗 😽 💋 💕 💖 💗 💓 💞 💘 💙 💚 💛 💜 🧡 🖤 🤍 🤎 🩷 🩵 💟 😻 💝 🫶 💑 💏 🌹",
        "funny": "😂 🤣 😆 😅 😹 😜 😝 😛 🤪",
        "good": "👍 👌 ✅ ✔ ☑ 💯 🏆 🥇 🙌 👏 💪 🤩 🔥 ✨ ⭐ 🌟 ✌ 🆒 🤝 👊 🤙 🤘 🫡 👑",
        "beautiful": "🌸 🌺 🌷 💐 🌈 🦋",
        "delicious": "😋 🤤",
        "cheers": "🥂 🍻 🍾",
        "thankful": "🙏 🥹",
        "angry": "😡 😠 🤬 😤 👿 💢 🖕 😾",
        "bad": "👎 ❌ 🚫 💩 ⛔ 🗑",
        "sad": "😢 😭 😞 😔 🙁 ☹ 😟 😿 😥 😓 🥺 😩 😫 😣 😖 🥲 😪 🥀",
        "heartbroken": "💔",
        "disappointed": "🫤 🤦",
        "disgusting": "🤮 🤢 🤧",
        "sick": "🤒 😷 🤕",
        "scared": "😱 😨 😰 😧 😦 🙀",
        "annoying": "🙄 😒 😑 🥱",
        "stupid": "🤡",
        "seriously annoying": "🙃",
        "dead": "💀 ☠",
        "confused": "😕 🤔 😐 😶 😵",
    }.items()
    for sign in signs.split()
}
"""Emoji -> the English word that a reader would put there. The polarity follows the Emoji Sentiment Ranking
(Kralj Novak et al., PLOS ONE 2015) as far as those are clear; 🙃 is read as people use it since: not amused."""

_JOINED = re.compile("[\ufe0e\ufe0f\u200d\U0001f3fb-\U0001f3ff]")
_EMOJI = re.compile("|".join(map(re.escape, sorted(EMOJI, key=len, reverse=True))))
_MIXED = re.compile(r"\b(?=\w*[A-Za-z])(?=\w*[\u0370-\u04ff\u0500-\u052f])[\w']+")

_ENDINGS = ("s", "es", "ed", "ing", "er", "ly", "'s")
NEGATIONS = ("not", "no", "never", "cant", "dont", "isnt", "wasnt", "didnt", "wont", "aint")
_COMMON = """
a about after again all always am an and another any are as at back be because been before best better big bring but
by can come could day days did do does done down dream ever every everyone everything family feel feeling few first
food for forever friend friends from game get girl give go going gone got had has have he her here him his home hour
how i if in into is it its job just keep know last let life like little live long look made make man many me more
morning most much music must my need new next night now of off old on once one only or other our out over people
phone place please quote right said same say see she show so some someone something soon still summer take tell than
that the their them then there these they thing things this those time times to today together tomorrow too trip
true two up us very want was way we week weekend well were what when where which while who why will winter with
woman work world year yes yet you your vibes mood monday tuesday wednesday thursday friday saturday sunday
"""
_FEELINGS = """
amazing angry annoyed awesome awful bad beautiful blessed bored boring broken cool crap crazy cry crying cute dead
delicious depressed disappointed disaster disgusting dumb enjoy epic excited fail fantastic fear fun funny glad good
great grateful happiness happy hate hated horrible hurt joy kill lonely lost love loved lovely loving lucky mad miss
nice pain pathetic perfect pretty proud ruined sad scary sick smile sorry stupid success sucks super sweet terrible
thankful tired ugly upset useless waste win winning wonderful worried worse worst wow wrong yay
"""

_TAGGED = """
acceptable afraid amused anymore arent ashamed attractive bother care classy clean comfortable convinced couldnt
customer disappoint disappointing doesnt eat enjoying entertaining entertained excuse excuses exciting fair feeling
fix flattering fresh friendly guilty hasnt havent hungry im impress impressed impressive interested interesting ive
jealous joke joking kidding know mine notable okay pleased professional ready recommend recommended regrets
relaxed respect returning safe satisfied service shame shouldnt sleep sleeping sold sorry sure surprised thats
thrilled tonight trust ugh useful welcome werent wouldnt youre
"""
"""Further words that hashtags glue together, above all after a "not"; the dictionary lacks most of them."""

_FELT = frozenset(_FEELINGS.split())

FUNCTION_WORDS: dict[str, frozenset[str]] = {
    language: frozenset(words.split())
    for language, words in {
        "es": """el la los las un una unos unas de del que y en por para con sin es son eres soy está están esta este
        esto esa ese eso muy pero como más mi tu su te se lo le les nos me yo ella ellos nosotros no sí hay
        todo toda nada siempre nunca hoy qué porque cuando también fue ser tengo tiene día mucho mucha malo
        mala malos malas bueno buena buenos buenas odio odias amo quiero gusta encanta feliz triste pésimo
        pesimo basura mierda gracias hola hermoso bonito feo peor mejor comida servicio película vida estoy
        estaba estaban gente mundo amor horror imposible asco días cumpleaños ni ya al lugar producto pésima
        dias servicio
        pesima pésimos pelicula horrorosa jamás jamas""",
        "de": """der die das den dem des ein eine einen einem einer und ist sind war waren bin bist nicht kein keine ich
        du er sie es wir ihr mich dich mir dir mit auf für von zu zum zur im am aber auch sehr so wie was wenn
        weil alles diesen diese dieser dieses heute immer nie habe hat haben hatte mein meine dein schon noch
        nur mehr über wieder ganz wird werden kann schlecht schlechter gut guter gute toll hasse hassen liebe
        traurig glücklich furchtbar schrecklich danke schön schöne schöner wunderbar essen leben gar nichts
        leider langweilig kaputt angekommen tag dank unfreundlich zufrieden scheiße schlechtester schlechte
        schlechtes nirgends müde""",
        "fr": """le la les un une des du de et est sont suis es je tu il elle nous vous ils elles ce cette ces ça c'est
        j'ai pas ne que qui dans pour avec sans sur très mais plus mon ma mes ton ta son sa tout tous rien
        jamais toujours aujourd'hui être avoir fait déteste j'aime quel était étaient au aux par mauvais
        mauvaise bon bonne nul nulle aime t'aime adore triste heureux heureuse merci bonjour beau belle moche
        pire meilleur monde repas serveur livraison rapide content contente film service ennuyeux horrible déçu
        déçue magnifique pourri""",
        "it": """il lo la gli le un una di del della che e è sono sei non per con senza in nel nella io tu lui lei noi
        voi loro questo questa molto ma come più mio tuo suo mi ti si tutto niente sempre mai oggi anche perché
        quando ho ha hanno era al alla odio amo brutto brutta bello bella pessimo pessima ottimo ottima triste
        felice grazie ciao buono buona cattivo cattivi servizio posto consiglio giorno giornata schifo orribile
        peggio migliore vita""",
        "pt": """o a os as um uma de do da dos das que e é são sou não por para com sem em no na nos nas eu você ele ela
        nós eles este esta isso muito mas como mais meu minha seu sua tudo nada sempre nunca hoje também quando
        foi tenho tem estou estava ao odeio amo ruim bom boa péssimo pessimo ótimo feliz obrigado obrigada
        horrível filme comida adorei gostei dia melhor pior triste volto vida lixo""",
        "nl": """de het een en is zijn ben niet geen ik jij je hij zij wij we mij met op voor van naar maar ook heel zo
        als wat omdat alles deze dit dat vandaag altijd nooit heb heeft mijn nog meer over was waren bij slecht
        slechte goed goede mooi haat hou leuk verdrietig blij bedankt eten koud lekker vreselijk geweldig""",
        "sv": """jag du han hon vi ni det den detta de är var inte och att en ett som på med för av till har hade så
        mycket men om när min mitt din här idag aldrig alltid också bara hatar älskar dålig dåligt sämsta bra
        glad ledsen tack tråkig filmen hemsk""",
        "da": """jeg du han hun vi det den de er var ikke og at en et som på med for af til har havde så meget men om
        når min mit din her i dag aldrig altid også bare dette hader elsker dårlig dårlige god godt glad trist
        tak kjedelig kedelig filmen dårligt""",
        "pl": """ja ty on ona my nie jest są był była to ten ta te i w z na do że się jak ale bardzo co tak dla od po
        już tylko mnie ci mój moja dziś zawsze nigdy tego nienawidzę kocham zły zła złe dobry dobra dobre
        smutny szczęśliwy dziękuję film okropny świetny polecam""",
        "cs": """já ty on ona my je jsem jsou byl byla to ten ta ne není a v z na do že se jak ale velmi co tak pro od
        už jen mě můj moje dnes vždy nikdy nesnáším miluji špatný špatná dobrý dobrá smutný šťastný děkuji
        hrozný""",
        "tr": """ben sen o biz siz bu şu ve bir değil çok ama için ile de da ne gibi daha var yok mi mı bugün her hiç
        bana benim nefret ediyorum seviyorum kötü iyi güzel berbat mutlu üzgün teşekkürler gün film bundan""",
        "ro": """eu tu el ea noi voi este e sunt nu și si un o în in cu la de pe că ca dar foarte ce mai pentru din azi
        mereu niciodată acest aceasta asta mă urăsc iubesc rău bun bună frumos trist fericit mulțumesc groaznic
        filmul groaznica""",
        "hu": """én te ő mi ti ez az a és nem van volt hogy de nagyon mint csak már még egy ezt azt itt ma mindig soha
        utálom szeretem rossz jó szép szomorú boldog köszönöm film szörnyű""",
        "fi": """minä sinä hän me te on ei ole oli ja että mutta se tämä tätä niin kuin vain jo tänään aina en minun
        vihaan rakastan huono hyvä kaunis surullinen onnellinen kiitos elokuva kamala""",
        "id": """saya aku kamu dia kami kita ini itu yang dan di ke dari tidak bukan ada adalah untuk dengan sangat tapi
        juga sudah akan hari selalu benci suka cinta jelek buruk bagus sedih senang terima kasih mengecewakan""",
        "vi": """tôi bạn anh em là không và có của này đó rất nhưng cũng một cho với được đã sẽ những các điều bộ ghét
        yêu tệ xấu tốt đẹp buồn vui cảm ơn phim""",
        "en": """the a an and is are was were be been am i you he she it we they me my your his her its our their this
        that these those not no do does did don't can't isn't to of in on for with at by from as but or so if very
        just have has had will would can what who how why when all up out about more there than then too""",
    }.items()
}
"""Words that a sentence of the language can hardly do without, and what opinions are said with: which language it is,
told by its words."""

_AMBIGUOUS = """
    a ada adore al ale am ama amo anh as at au bare beau bella belle bello ben bin biz boa bom bon bra bu buenos bun
    ca ce ces che cho ci co com come con content cu da dag dan dar das dat de del dem den der des di dia die din dir
    do dos du e el em en er era es est este et film foi for gar gin glad god gut ha han hari hat hay heel her ho hon
    hop horrible horror hun i il im in io is ist ja jag jak je jen jest kami kita la las le lei les lo los lui ma
    mai mala mas me med men mes met mi min mio mir mit mon my na nas ne nel ni no noi non nos nu nur o och od ole om
    on op os over par pas pe per plus po por pour pro sa se sei sem sen ser service si sin so som son soy su sur ta
    tag tak te tem ten ti til till to toll ton tout tu ty um un us v vain van var ve vi vita voi von w war was we y
    ya yang yo z zo zu
"""
AMBIGUOUS = frozenset(_AMBIGUOUS.split())
"""Those of them that English has too, as words, names, or parts of names ("Rio de Janeiro", "LA"): no proof alone."""

_MERE = FUNCTION_WORDS["en"] | {"rt", "pm", "file", "again", "ever"}
LANGUAGE_NAMES = {
    "es": ("Spanish", "西班牙语"),
    "de": ("German", "德语"),
    "fr": ("French", "法语"),
    "it": ("Italian", "意大利语"),
    "pt": ("Portuguese", "葡萄牙语"),
    "nl": ("Dutch", "荷兰语"),
    "sv": ("Swedish", "瑞典语"),
    "da": ("Danish or Norwegian", "丹麦语或挪威语"),
    "pl": ("Polish", "波兰语"),
    "cs": ("Czech", "捷克语"),
    "tr": ("Turkish", "土耳其语"),
    "ro": ("Romanian", "罗马尼亚语"),
    "hu": ("Hungarian", "匈牙利语"),
    "fi": ("Finnish", "芬兰语"),
    "id": ("Indonesian or Malay", "印尼语或马来语"),
    "vi": ("Vietnamese", "越南语"),
}
WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")
DRAWN_OUT = re.compile(r"\b[A-Za-z]*?([A-Za-z])(?i:\1){2}[A-Za-z]*\b")
ROMAN = re.compile("[IVXLCDM]+")
MOST_RUNS = 3
"""More drawn-out letters than this make no word."""
_RUNS = re.compile(r"(?i)([a-z])\1*")


def clean_post(text: str, *, stand_ins: bool = True) -> str:
    """A post as a word list and an English encoder should read it. What is clean already comes back as it was.

    A link is "http://link" and a name "@user"; without ``stand_ins`` they go, and a text says the same with them.
    """
    link, name = ("http://link", "@user") if stand_ins else ("", "")
    clean = text
    for _ in range(ENTITIES_INSIDE):
        clean = html.unescape(clean)
    clean = TORN.sub("", _plain_letters(clean.translate(SIGNS)))
    clean = MAIL.sub(name, TAG.sub(" ", clean))
    # files before links: "cdn.example.com/hate.js" is a link, though it ends as a file does
    clean = FILE.sub("file", LINK.sub(link, clean))
    clean = DENIED_HASHTAG.sub(r"\1", NAME.sub(name, clean))
    clean = HASHTAG.sub(lambda tag: opened_hashtag(tag[1]), clean)
    clean = DRAWN_OUT.sub(lambda word: shortened(word[0]), clean)
    clean = _EMOJI.sub(lambda sign: f" {EMOJI[sign[0]]} ", _JOINED.sub("", clean))
    tokens = clean.split()
    if not EMOTICONS.keys().isdisjoint(tokens) and not any(DRAWN.search(one) for one in tokens if one not in EMOTICONS):
        clean = " ".join(EMOTICONS.get(token, token) for token in tokens)
    return re.sub(r"[ \t]{2,}", " ", clean).strip() if clean != text else text


def _plain_letters(text: str) -> str:
    """Full-width, mathematical and joined letters and odd blanks as the plain ones; lookalikes among Latin letters."""
    if text.isascii():
        return text
    plain = "".join(
        unicodedata.normalize("NFKC", letter)
        if not letter.isascii() and (unicodedata.category(letter)[0] in "LN" or _is_wide(letter))
        else letter
        for letter in text
    )
    return _MIXED.sub(lambda word: word[0].translate(LOOKALIKES), plain)


def _is_wide(letter: str) -> bool:
    """Whether it is an odd blank, or a sign of a Chinese or Japanese keyboard that begins a name, a tag or a link."""
    return letter in "＠＃＆．／；" or (letter != "\u3000" and unicodedata.category(letter) == "Zs")


def opened_hashtag(tag: str) -> str:
    """ "NotHappy" and "nothappy" -> "#not happy": a sign for the tag, then its words. Unknown words stay together."""
    words = [word for word in HUMP.split(tag) if word]
    if len(words) == 1:
        words = _split(tag.lower()) or words
    return "#" + " ".join(words)


def shortened(word: str) -> str:
    """A word with letters drawn out for emphasis, as it is usually spelt: "sooo" -> "so", "gooood" -> "good".

    A run of three letters and more becomes two, or one where only that is a usual word; other words stay.
    """
    if ROMAN.fullmatch(word) or len(set(word.lower())) < 2:
        return word
    runs = [found[0] for found in _RUNS.finditer(word)]
    if sum(len(run) > 2 for run in runs) > MOST_RUNS:
        return word
    choices = [[run[:2], run[0]] if len(run) > 2 else [run] for run in runs]
    if len(runs[-1]) > 2 and runs[-1][0] in "sS":  # "yess" would pass as "yes" with an ending
        choices[-1].reverse()
    return next((spelt for one in product(*choices) if is_known((spelt := "".join(one)).lower())), word)


def has_words(text: str) -> bool:
    """Whether a text that ``clean_post`` has cleaned holds a letter outside links and names."""
    return any(letter.isalpha() for letter in _without_stand_ins(text))


def telling_words(text: str) -> list[str]:
    """The usual English words of a cleaned text that mean something by themselves, in small letters."""
    words = (word.lower() for word in WORD.findall(_without_stand_ins(text)))
    return [word for word in words if len(word) > 1 and word not in _MERE and is_known(word)]


def is_felt(text: str) -> bool:
    """Whether one of its words is among the usual ones for feelings and opinions."""
    return any(word.lower() in _FELT for word in WORD.findall(text))


def _without_stand_ins(text: str) -> str:
    return text.replace("http://link", "").replace("@user", "")


def foreign_language(text: str) -> str | None:
    """Code of a Latin-script language other than English that a text is in; None for English or unclear.

    Two words of the language, one of which English lacks, and more of them than there are English ones; in a text of up
    to four words one is enough where none is English.
    """
    words = [word.lower() for word in WORD.findall(text)]
    best, most = None, (0, 0)
    for language, known in FUNCTION_WORDS.items():
        if language == "en":
            continue
        own = [word for word in words if word in known]
        proofs = sum(word not in AMBIGUOUS for word in own)
        english = sum(word in _english() and word not in known for word in words)
        enough = len(own) > max(1, english) or (english == 0 and len(words) <= 4)
        if proofs and enough and (len(own), proofs) > most:
            best, most = language, (len(own), proofs)
    return best


def readable_part(text: str) -> tuple[str, str | None]:
    """What is left of a text without its clauses in other languages, and the language of the longest of those.

    "Great food, aber der Kellner war nicht nett" -> ("Great food,", "de"). A text in one language comes back whole,
    with that language or None; so does one of which nothing English would be left.
    """
    clauses = re.findall(r"[^.!?;,\n。！？；，]+[.!?;,\n。！？；，]*\s*", text)
    told = [(clause, foreign_language(clause)) for clause in clauses]
    foreign = [(len(clause), language) for clause, language in told if language is not None]
    rest = "".join(clause for clause, language in told if language is None)
    if foreign and any(word.lower() in _english() for word in WORD.findall(rest)):
        return rest.strip(), max(foreign)[1]
    return text, foreign_language(text) or (max(foreign)[1] if foreign else None)


def windows_of(text: str, most: int) -> list[str]:
    """The text in pieces of at most ``most`` words, cut between sentences where possible; a short one as it is."""
    pieces: list[list[str]] = [[]]
    for sentence in re.split(r"(?<=[.!?。！？\n])\s+", text):
        words = sentence.split()
        while len(words) > most:
            pieces.append(words[:most])
            words = words[most:]
        if len(pieces[-1]) + len(words) > most:
            pieces.append([])
        pieces[-1] += words
    found = [" ".join(piece) for piece in pieces if piece]
    return found if len(found) > 1 else [text]


@cache
def _english() -> frozenset[str]:
    return frozenset(
        {*FUNCTION_WORDS["en"], *_COMMON.split(), *NEGATIONS, *_FEELINGS.split()} - {"no", "me", "a", "as"}
    )


@cache
def _glosses() -> frozenset[str]:
    """The English words of the Chinese dictionary: some 12,000 usual ones."""
    return frozenset(word for entry in dictionary().values() for word in re.findall(r"[a-z]{2,}", entry.gloss.lower()))


@cache
def _parts() -> frozenset[str]:
    """Words that hashtags are made of: of those of the dictionary only such as are too long to be found everywhere."""
    return frozenset(
        {*_COMMON.split(), *NEGATIONS, *_FELT, *_TAGGED.split(), *(word for word in _glosses() if len(word) > 3)}
    )


def is_known(word: str) -> bool:
    """Whether a word in small letters is an English one of the usual ones, also with an ending."""
    stems = (word, *(word.removesuffix(end) for end in _ENDINGS), *(f"{word.removesuffix(end)}e" for end in _ENDINGS))
    return word in FUNCTION_WORDS["en"] or any(stem in _parts() or stem in _glosses() for stem in stems)


def _is_inflected(word: str) -> bool:
    """Whether a long word is one that hashtags are made of with an ending: "disappoints", "impressed", "cats"."""
    return len(word) > 4 and any(
        word.endswith(end) and not {word.removesuffix(end), f"{word.removesuffix(end)}e"}.isdisjoint(_parts())
        for end in _ENDINGS
        if end == "s" or len(word) > 5 + len(end)
    )


def _split(tag: str) -> list[str] | None:
    """ "worstdayever" -> ["worst", "day", "ever"]; None where it is one word or not made of known ones.

    The fewest words win; every word but "a" and "i" has two letters.
    """
    if is_known(tag):
        return None
    known = _parts()
    best: list[list[str] | None] = [[]] + [None] * len(tag)
    for end in range(1, len(tag) + 1):
        for start in range(max(0, end - 16), end):
            before, word = best[start], tag[start:end]
            if before is None or not (word in known or _is_inflected(word)):
                continue
            if len(word) == 1 and word not in "ai":
                continue
            here = best[end]
            if here is None or len(before) + 1 < len(here):
                best[end] = [*before, word]
    found = best[-1]
    return found if found and len(found) > 1 else None
