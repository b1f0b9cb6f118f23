"""Formulas as MathML, which browsers render without a library. A symbol carries its name, to be explained."""

from __future__ import annotations


def symbol(letter: str, name: str, below: str = "") -> str:
    """A variable with its index; ``name`` is the last part of the key of its explanation."""
    inside = f"<msub><mi>{letter}</mi><mi>{below}</mi></msub>" if below else f"<mi>{letter}</mi>"
    return f'<mrow data-symbol="{name}">{inside}</mrow>'


def operator(sign: str) -> str:
    """+, =, a bracket or the name of a function."""
    return f"<mo>{sign}</mo>"


def word(name: str) -> str:
    """The name of a function: softmax, exp, log."""
    return f'<mi mathvariant="normal">{name}</mi>'


def number(value: str) -> str:
    """A number as it is to be read."""
    return f"<mn>{value}</mn>"


def fraction(above: str, below: str) -> str:
    """above / below."""
    return f"<mfrac><mrow>{above}</mrow><mrow>{below}</mrow></mfrac>"


def root(inside: str) -> str:
    """The square root."""
    return f"<msqrt>{inside}</msqrt>"


def power(base: str, exponent: str) -> str:
    """base to the exponent."""
    return f"<msup><mrow>{base}</mrow><mrow>{exponent}</mrow></msup>"


def total(index: str, inside: str) -> str:
    """The sum over an index."""
    return f"<munder><mo>∑</mo><mi>{index}</mi></munder>{inside}"


def brackets(inside: str) -> str:
    """( inside )."""
    return f"<mrow><mo>(</mo>{inside}<mo>)</mo></mrow>"


def line(inside: str) -> str:
    """A whole formula on a line of its own."""
    return f'<math display="block">{inside}</math>'
