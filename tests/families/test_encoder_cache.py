import gc
import weakref

from PIL import Image

from mmcore.families._encoder_cache import EncoderCache


def test_the_same_pictures_are_looked_at_once() -> None:
    seen: EncoderCache[list[int]] = EncoderCache()
    first, second, third = (Image.new("RGB", (2, 2)) for _ in range(3))
    looks: list[int] = []

    def look(count: int) -> list[int]:
        looks.append(count)
        return list(range(count))

    assert seen.batch([first, second], lambda: look(2)) == [0, 1]
    assert seen.row(second, lambda: look(1)) == ([0, 1], 1)
    assert looks == [2]
    assert seen.row(third, lambda: look(1)) == ([0], 0), "an equal picture is not the same picture"
    assert seen.row(first, lambda: look(1)) == ([0], 0)
    assert looks == [2, 1, 1]
    assert seen.row(first, lambda: look(1), key="detailed") == ([0], 0)
    assert looks == [2, 1, 1, 1], "what else it depends on counts, too"


def test_pictures_are_not_kept_alive() -> None:
    seen: EncoderCache[int] = EncoderCache()
    picture = Image.new("RGB", (2, 2))
    alive = weakref.ref(picture)
    seen.batch([picture], lambda: 1)
    del picture
    gc.collect()
    assert alive() is None
