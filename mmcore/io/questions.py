"""What a question about a picture asks for, told by its words: its kind and the things that it names.

Rules over English and Chinese, no model: what they do not know is "other", and never guessed at. A question that leans
on the one before ("and a cat?", "what colour is it?", "猫呢？") takes from there what it leaves out. Everything here is
pure and light.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from mmcore.io.chinese import has_chinese

COLOURS: dict[str, str] = {
    "black": "黑色",
    "white": "白色",
    "grey": "灰色",
    "red": "红色",
    "orange": "橙色",
    "yellow": "黄色",
    "green": "绿色",
    "blue": "蓝色",
    "purple": "紫色",
    "pink": "粉色",
    "brown": "棕色",
}
"""The eleven basic colour terms of English (Berlin & Kay, "Basic color terms", 1969) and their names in Chinese."""


@dataclass(frozen=True)
class Asked:
    """A question as it was understood."""

    kind: str
    """One of ``mmcore.results.ask.KINDS``."""
    things: tuple[str, ...] = ()
    """What it names, in its own words ("a dog", "狗"): several for a choice; none where it is about all of it."""
    language: str = "en"
    """"en" or "zh"."""

    @property
    def thing(self) -> str:
        """The first of the things, or ""."""
        return self.things[0] if self.things else ""


PRONOUNS = frozenset(
    ("", "it", "this", "that", "they", "them", "these", "those", "one", "he", "she", "him", "her", "something")
)
PRONOUNS_ZH = frozenset(("", "它", "它们", "他", "她", "他们", "这", "那", "这个", "那个", "东西", "这是"))
WHOLE = (
    r"(?:the|this|that|your|my)?\s*(?:whole\s+)?(?:picture|image|photo|photograph|scene|screenshot|drawing|painting)"
)
INSIDE = re.compile(
    rf"\s+(?:(?:anywhere\s+)?(?:in|on|of|inside|within)\s+(?:it|here|{WHOLE})|(?:here|there|visible|shown|in view))$"
)
LEAD = re.compile(
    r"^(?:(?:so|and|ok|okay|well|now|please|hey|hi|hello|then|but)\b[,\s]*)*"
    r"(?:(?:can|could|would|will) you (?:please )?(?:tell me|say|describe(?= )|guess)[,\s]*|(?:please )?tell me[,\s]*"
    r"|do you know[,\s]*|i (?:want|would like) to know[,\s]*|in (?:this|the) (?:picture|image|photo)[,\s]+)?"
)
ARTICLE = re.compile(r"^(?:a|an|the|any|some|this|that|these|those|my|your|his|her|its|their)\s+")
COLOUR = re.compile(rf"\b({'|'.join(COLOURS)}|gray)\b")
WHICH_COLOUR = r"^(?:what|which) (?:are |is )?(?:the )?(?:main |dominant |most common )?colou?rs?"
SCENES = frozenset(("picture", "image", "photo", "photograph", "scene", "screenshot", "drawing", "painting"))
FOLLOWS = frozenset(("presence", "colour", "count", "where"))
"""Kinds that "and a cat?" may go on with."""
SAME = re.compile(r"(?:what|how) about\s+(?P<x>.+)|(?:also|and|or)\s+(?P<y>(?:a|an|the|any|some)\s+.+)")

Maker = Callable[[re.Match[str]], Asked]


def _plain(kind: str) -> Maker:
    return lambda found: Asked(kind)


def _about(kind: str) -> Maker:
    """With what the groups of the pattern caught."""
    return lambda found: Asked(kind, (_thing(next(filter(None, found.groups()), "")),))


def _presence(found: re.Match[str]) -> Asked:
    """ "Anybody" is a person."""
    thing = _thing(next(filter(None, found.groups()), ""))
    person = re.fullmatch(r"(?:any|some)(?:one|body)(?: else)?|people", thing)
    return Asked("presence", ("a person" if person else thing,))


def _thing(words: str) -> str:
    """ "the dogs in the picture" -> "dogs"; "a red car" stays, as its article helps the model."""
    words = words.strip(" ,.;:!?'\"")
    while (shorter := INSIDE.sub("", words)) != words:
        words = shorter
    return re.sub(r"^(?:the|any|some|this|that|these|those|my|your)\s+(?=\w)", "", words).strip()


def _checked_colour(found: re.Match[str]) -> Asked:
    """ "Is the cat black?" asks which colour the cat has."""
    return Asked("colour", (_thing(found["x"]),))


def _choice(found: re.Match[str]) -> Asked:
    """ "is it a dog or a cat", "is the cat sitting or standing", "a dog, a cat or a bird"."""
    text = re.sub(r",?\s+or not$", "", found[0])
    about = re.match(
        r"(?:is|are|was|were)\s+(?:the|this|that|these|those)\s+(?P<noun>(?!(?:an?|the|more|rather|really)\b)\w+)\s+"
        r"(?P<rest>(?!of\b).+\bor\b.+)$",
        text,
    )
    noun = ""
    if about and not re.match(r"an?\b", about["rest"]) and about["noun"] not in SCENES:
        noun, text = about["noun"], about["rest"]
    else:
        text = CHOICE_LEAD.sub("", text)
    options = [_thing(part) for part in re.split(r"\s*,\s*(?:or\s+)?|\s+or\s+", text)]
    options = list(dict.fromkeys(option for option in options if option and option not in PRONOUNS))
    if len(options) < 2:
        return Asked("presence", tuple(options)) if options else Asked("other")
    return Asked("choice", tuple(f"{noun} {option}".strip() for option in options))


CHOICE_LEAD = re.compile(
    rf"^(?:(?:what|which|who)(?:\s+\w+)??(?:\s+(?:one|of (?:these|them|those|the two)))?"
    rf"(?:\s+(?:is|are|does|do|can))?(?:\s+(?:it|this|that|there|you see|{WHOLE}))?"
    r"(?:\s+(?:fits?|shows?|better|in it))*\s*[,:]\s*"
    rf"|(?:what|which)\s+(?:is|are)\s+(?:it|this|that)\s*[,:]?\s+"
    r"|(?:is|are|was|were|does|do|can)\s+"
    rf"(?:{WHOLE}|it|this|that|there|these|those|they|you see|the \w+(?=\s+(?:a|an)\b))"
    rf"(?:\s+(?:show|shows|more like|look like|rather|of|taken|more of|in it))*\s+)"
)

VERB = "(?:are|is|do|does|can|could|were|have|has)"
"""Where the thing that "how many" asks for ends; "how many are there" names none."""

ENGLISH: tuple[tuple[str, Maker], ...] = (
    (
        r"\bwhat\b.*\b(?:says?|written|writing|spells?)\b|\bread\b.*\b(?:texts?|words?|letters?|signs?|it|this|that)\b"
        r"|\b(?:text|words|writing|letters|inscription|caption)\b.*\b(?:in|on|here|there|say)\b|^read\b|what.*\btext\b",
        _plain("read"),
    ),
    (
        rf"\bhow many(?:\s+(?P<x>(?!{VERB}\b).+?))?(?:\s+{VERB}\b.*)?$|\bcount\s+(?:the\s+)?(?P<y>.+)"
        r"|\bnumber of\s+(?P<z>.+)",
        _about("count"),
    ),
    (r"\bwhat time\b", _plain("when")),
    (
        r"\bhow (?:much|old|big|large|tall|high|long|far|heavy|deep|wide|fast|hot|cold|expensive|small|thick|close)\b"
        r"|\bwhat(?:'s| is)? (?:the |its |his |her |their )?"
        r"(?:size|age|price|weight|height|length|temperature|distance)\b",
        _plain("measure"),
    ),
    (r"\bwhy\b|\bhow come\b|\bwhat(?:'s| is) the reason\b|^what .*\bfor$", _plain("why")),
    (
        r"\bwho\b|\bwho's\b|\bwhose\b|\bwhom\b|\bwhat(?:'s| is) (?:his|her|their|the \w+'s) name\b"
        r"|\b(?:know|recogni[sz]e) (?:this|that|the|these|those) (?:person|man|woman|people|actor|face)\b",
        _plain("who"),
    ),
    (r"\bwhen\b|\b(?:what|which) (?:year|date|day|century|month|decade|season)\b|\bhow long ago\b", _plain("when")),
    (
        r"\bwhere (?:was|were|is|are) (?:it|this|that|these|they|we|the photo|the picture|this \w+) ?"
        r"(?:taken|made|shot)\b|\bwhere(?: is|'s) (?:this|that|here)$|\bwhere am i\b"
        r"|\b(?:what|which) (?:city|country|town|place|street|state)\b",
        _plain("place"),
    ),
    (r"\b(?:differences?|different|differ|compare|similar|alike|in common|the same)\b", _plain("compare")),
    (
        rf"{WHICH_COLOUR}(?: (?:are|is) (?:in|on|of))?\s*(?:there|in it|{WHOLE})?$"
        rf"|{WHICH_COLOUR} (?:(?:do|can) you see|(?:in|of|has|does|are in|is) {WHOLE}(?: have)?|are there)$",
        _plain("colours"),
    ),
    (r"\b(?:what|which) colou?rs? (?:is|are|has|does|do|was)\s+(?P<x>.+?)(?:\s+have)?$", _about("colour")),
    (r"\bcolou?rs? of\s+(?P<x>.+)$", _about("colour")),
    (rf"^(?:is|are)\s+(?P<x>(?!there\b)(?:(?!\bor\b).)+?)\s+{COLOUR.pattern}$", _checked_colour),
    (r"\bcolou?rs?\b(?!.*\bor\b)", _plain("colours")),
    (r"^.*\w\s+or\s+\w.*$", _choice),
    (r"^where(?:'s|\s+(?:is|are|do you see|can you see|can i see|in .*? (?:is|are)))\s+(?P<x>.+)$", _about("where")),
    (
        r"^(?:point (?:to|at)|show me|find|locate|mark)\s+(?P<x>(?!what\b).+)$"
        r"|^(?:on )?(?:which|what) (?:side|part|corner)\b.*\b(?:is|are)\s+(?P<y>.+)$",
        _about("where"),
    ),
    (
        r"^(?:is|are) there\s+(?P<x>.+)$"
        r"|^(?:do|can|could) (?:you|we|i) (?:see|spot|find|recogni[sz]e|detect)\s+(?P<y>.+)$"
        rf"|^(?:does|do) (?:it|this|that|{WHOLE}) (?:show|contain|have|include|depict)\s+(?P<z>.+)$"
        rf"|^(?:has|have) (?:it|this|{WHOLE}) (?:got )?(?P<h>.+)$"
        r"|^(?:is|are|was) (?:it|this|that|these|those|they)(?: really)? (?P<a>(?:a|an|some)\s+.+)$"
        rf"|^(?:is|are) (?:it|this|that|{WHOLE}) (?:a )?(?:picture|image|photo|photograph) of\s+(?P<o>.+)$"
        rf"|^(?:is|are) (?P<b>(?:a|an|any|some)\s?\w.*?) (?:in|on) (?:it|{WHOLE})$"
        r"|^(?:is|are) (?P<p>(?:any|some)(?:one|body))\b.*$|^any\s+(?P<n>.+)$",
        _presence,
    ),
    (
        r"^(?:what|which)\b.*\b(?:doing|wearing|holding|eating|drinking|playing|carrying|riding|looking|made of|next to"
        r"|behind|under|on top of|in front of|beside|inside)\b.*$|^what(?:'s| is| are)? (?:on|under|behind|near)\b",
        _plain("doing"),
    ),
    (
        r"^what(?:'s| is| are| was| do| can| does| am)?\b.*\b(?:this|that|it|these|those|see|shown?|shows|visible|here"
        rf"|there|happening|going on|happens|depicted|about)\b|^what(?:'s| is| are)? (?:in|on) {WHOLE}"
        r"|^what(?:'s| is)?$"
        r"|^(?:please )?(?:describe|explain|caption|summari[sz]e)\b|^what (?:kind|sort|type|breed|species) of\b"
        r"|^what (?:animal|thing|object|food|plant|vehicle|bird|dog|cat|flower)s?\b"
        rf"|^what .*{WHOLE}$"
        r"|^what do(?:es)? .*\blook like$",
        _plain("what"),
    ),
    (
        r"^(?:is|are|was|were|does|do|did|has|have|can|could|will|would|should|isn't|aren't|doesn't)\b",
        _plain("statement"),
    ),
)
"""What is looked for, in order: a pattern over the question in small letters, and what it means."""

CHINESE_LEAD = re.compile(
    r"^(?:请问|请|那么|那|嗯|你好|您好|告诉我|说说看|你知道|你觉得|你认为|你能不能|你能|能不能|能否|可以|帮我|我想知道|[,，、\s])+"
)
ZH_WHOLE = r"(?:在)?(?:这|那)?(?:张|幅|个)?(?:图片|照片|画面|图像|相片|图|画)(?:里面|里|中|上面|上|内)?(?:的|面)?"
ZH_COUNTER = r"(?:个|只|条|辆|匹|位|名|朵|棵|张|座|头|群|本|件|把|艘|架|块|种|些|颗|支|台|双)"


def _zh(kind: str) -> Maker:
    return lambda found: Asked(kind, (_zh_thing(next(filter(None, found.groups()), "")),))


def _zh_thing(words: str) -> str:
    """The thing without what stands around it: "图里的那只狗" -> "狗"."""
    before = None
    while before != words:
        before = words
        words = words.strip("，,。.？?！!、 的了是着")
        words = re.sub(rf"^{ZH_WHOLE}", "", words)
        words = re.sub(r"(?:在)?(?:里面|图里|图中|这里|那里|画面里|画面中|照片里|图片里|图片中)$", "", words)
        words = re.sub(rf"^(?:这|那|哪|一|几|任何|什么|里面|这里|有|是){ZH_COUNTER}?", "", words)
        words = re.sub(r"^(?:只|条|辆|匹|朵|棵|座)(?=.)", "", words)
    return words


def _zh_choice(found: re.Match[str]) -> Asked:
    parts = [
        re.sub(r"^(?:它|这|那|图里|图中)?(?:是|有|像)?", "", _zh_thing(part))
        for part in re.split("还是|或者|或", found[0])
    ]
    options = tuple(dict.fromkeys(_zh_thing(part) for part in parts if part))
    return Asked("choice", options) if len(options) > 1 else Asked("other")


CHINESE: tuple[tuple[str, Maker], ...] = (
    (
        r"写(?:了|着|的|些)*(?:什么|啥)|(?:什么|哪些|有没有|有)(?:文)?字|文字"
        r"|读(?:一下|出|一读)|念(?:一下|出)",
        _plain("read"),
    ),
    (r"多少钱|价格|多(?:大|高|长|远|重|宽|深|快|老|久)|几岁|年龄|身高|尺寸|温度", _plain("measure")),
    (r"几点|什么时候|何时|哪一?年|哪一?天|什么(?:季节|时间|年代)|哪个(?:季节|年代)", _plain("when")),
    (rf"(?:多少|几){ZH_COUNTER}?(?P<x>[^在]*)|数(?:一数|一下)(?P<y>.+)|(?P<z>.+)的?数量", _zh("count")),
    (r"为什么|为何|为啥|怎么会|什么原因", _plain("why")),
    (r"谁|叫什么|什么名字", _plain("who")),
    (
        r"(?:在)?(?:哪里|哪儿)(?:拍|照)|哪个(?:城市|国家|地方|省)|什么(?:地方|城市|国家)"
        r"|^(?:这|这里|这儿)是?(?:在)?(?:哪里|哪儿|哪)",
        _plain("place"),
    ),
    (r"区别|不同|不一样|一样|相似|共同|相同|比较", _plain("compare")),
    (
        rf"^(?:{ZH_WHOLE})?(?:主要|大致)?(?:的)?(?:是|有)?(?:什么|哪些|哪几种|哪种|啥)?(?:主要)?(?:的)?(?:颜色|色调)(?:是|有)?(?:什么|哪些|啥)?$",
        _plain("colours"),
    ),
    (r"^(?P<x>.+?)的?(?:是|有)?(?:什么|哪些|哪种|啥)(?:样的)?(?:颜色|色)|^(?P<y>.+?)的?颜色", _zh("colour")),
    (rf"^(?P<x>.+?)(?:是不是|是)(?:{'|'.join(name[0] for name in COLOURS.values())})色?的?(?:吗|么)$", _zh("colour")),
    (r"^.+(?:还是|或者).+$", _zh_choice),
    (
        r"^(?P<x>.+?)(?:在|位于)(?:图片|照片|画面|图)?(?:里|中|上)?(?:的)?"
        r"(?:哪里|哪儿|哪边|哪|什么位置|哪个位置|什么地方)",
        _zh("where"),
    ),
    (r"^(?:指出|找出|找到|标出)(?P<x>.+)$|^哪里有(?P<y>.+)$", _zh("where")),
    (r"在?(?:做|干)(?:什么|啥)|干嘛|穿(?:着|了)?(?:什么|啥)|拿(?:着|了)?(?:什么|啥)|吃(?:着)?什么", _plain("doing")),
    (
        r"(?:是|有|有些|有着|看到了?|看见了?|看得到|画的?|拍的?|讲的?)(?:什么|啥|些什么|哪些)|什么(?:东西|动物|植物|物体)|描述|介绍|讲讲|说说|发生了?什么|怎么样$",
        _plain("what"),
    ),
    (
        r"(?:有没有|是否有|有无|看(?:不|得)?(?:到|见)|能看到|能看见|存在|是不是有|包含)(?P<x>.+?)(?:吗|么|呢)?$"
        r"|(?:^|里|中|上|面|边|儿|这|还)有(?P<y>.+?)(?:吗|么|没有|没|呢)$|^(?:这|那|它|这个|那个)?是不是(?P<z>.+?)(?:吗|呢)?$"
        r"|^(?:这|那|它|这个|那个)是(?P<w>.+?)(?:吗|么)$",
        _zh("presence"),
    ),
    (r"(?:吗|么|是不是.+|对不对|对吧)$", _plain("statement")),
)


def understood(question: str, earlier: Sequence[str] = ()) -> Asked:
    """What a question asks; ``earlier`` are the questions before it, the oldest first."""
    before = understood(earlier[-1], earlier[:-1]) if earlier else None
    asked = _chinese(question, before) if has_chinese(question) else _english(question, before)
    if asked.kind in ("colour", "where", "presence", "count") and asked.thing in PRONOUNS | PRONOUNS_ZH:
        named = before.thing if before is not None else ""
        if asked.kind == "where" and not named:
            return replace(asked, kind="place", things=())
        if asked.kind == "presence" and not named:
            return replace(asked, kind="what", things=())
        return replace(asked, things=(named,) if named else ())
    return asked


def _english(question: str, before: Asked | None) -> Asked:
    text = re.sub(r"\s+", " ", question.lower().replace("’", "'")).strip(" ?!.,;:\"'")
    going_on = SAME.fullmatch(text)
    if going_on and before is not None and before.kind in FOLLOWS:
        return Asked(before.kind, (_thing(going_on["x"] or going_on["y"]),))
    text = LEAD.sub("", text)
    for pattern, make in ENGLISH:
        found = re.search(pattern, text)
        if found is not None:
            return make(found)
    return Asked("other")


def _chinese(question: str, before: Asked | None) -> Asked:
    text = re.sub(r"\s+", "", question).strip("？?！!。.，,；;：:“”\"'啊呀哦")
    going_on = re.fullmatch(r"(?:那|那么|还有)?(?P<x>.+?)呢", text)
    if going_on and before is not None and before.kind in FOLLOWS:
        return Asked(before.kind, (_zh_thing(going_on["x"]),), "zh")
    text = CHINESE_LEAD.sub("", text)
    for pattern, make in CHINESE:
        found = re.search(pattern, text)
        if found is not None:
            return replace(make(found), language="zh")
    return Asked("other", (), "zh")
