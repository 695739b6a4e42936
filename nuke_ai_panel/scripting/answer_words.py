"""Words in the prose round a block of code that say what the block is to the one before it.

Models answer in the language they are asked in; the words of the most spoken ones are here.
"""

from __future__ import annotations

import re

__all__ = ["ALTERNATIVE", "FRESH", "LEFT_OUT", "MENDED", "STEP", "WARNED"]

#: Just before a block: it is what was there before, or what not to do.
WARNED = re.compile(
    r"(?:before|original|old|wrong|incorrect|bad|broken|not this|falsch|vorher|bisher|avant|antes|incorrecto"
    r"|\u4fee\u6b63\u524d|\u60aa\u3044\u4f8b|\u9519\u8bef)\W*"
    r"(?:code|script|version|way|approach|example)?\W*$"
    r"|(?:don['\u2019]t|do not|never|avoid) (?:do|use|write|run|call|doing|using|writing) (?:this|that|it)\b"
    r"|(?:so )?nicht so\b",
    re.IGNORECASE,
)
#: The block is another way of the same.
ALTERNATIVE = re.compile(
    r"\b(?:alternativ\w*|alternately|or,|or if|otherwise|another (?:way|option|approach|version|variant)|option (?:\d|[a-d]\b)|"
    r"(?:method|approach|variant|version|solution|example) (?:\d|[a-d]\b)|if you (?:prefer|would rather|want|only|need|don't)|"
    r"instead|shorter (?:version|form)|one-liner|simpler version|different approach|same (?:thing )?(?:in|with|as)|"
    r"equivalent|oder so|oder (?:als|mit|in|so)|m(?:o|\u00f6)glichkeit \d|variante|ou bien|sinon|"
    r"autre (?:fa(?:c|\u00e7)on|solution|m(?:e|\u00e9)thode)|otra (?:forma|opci(?:o|\u00f3)n|manera)|o bien)\b"
    r"|^[ \t*#]*(?:or|oder|ou)[ \t*:,]*$|\u307e\u305f\u306f|\u3042\u308b\u3044\u306f|\u5225\u306e\u65b9\u6cd5|\u6216\u8005",
    re.IGNORECASE | re.MULTILINE,
)
#: The block is the next step of one script.
STEP = re.compile(
    r"\bstep (?:\d|one|two|three|four|five)|\b(?:then|next|after that|afterwards|finally|lastly|second(?:ly)?|third(?:ly)?"
    r"|schritt \d|dann|danach|anschlie(?:ss|\u00df)end|zuletzt|ensuite|puis|enfin|paso \d|luego|despu(?:e|\u00e9)s)\b"
    r"|\b\u00e9tape \d|\u30b9\u30c6\u30c3\u30d7|\u624b\u9806|\u6b21\u306b|\u6700\u5f8c\u306b|\u6b65\u9aa4"
    r"|^[ \t#*]*\d{1,2}[.)][ \t*]",
    re.IGNORECASE | re.MULTILINE,
)
#: The block is the whole script and not a step.
FRESH = re.compile(
    r"\b(?:full|complete|whole|final|entire|updated|corrected|fixed|improved|vollst(?:a|\u00e4)ndig\w*|komplett\w*|ganze[sn]?|"
    r"gesamte[sn]?|compl(?:e|\u00e8)te?|complet[oa])\b|\u5b8c\u5168|\u5168\u4f53|\u5b8c\u6574",
    re.IGNORECASE,
)
#: Words before a script that takes the place of a mistaken one before it.
MENDED = re.compile(
    r"\b(?:corrected|fixed) (?:version|code|script|one|snippet|python|expression|it\b|the (?:code|script|bug|error|problem))"
    r"|\bhere(?:'s|\u2019s| is) (?:the|a) (?:fix|correction)\b"
    r"|\bkorrigierte[nrs]? (?:version|fassung|code|skript)|\b(?:version|code|script) corrig(?:e|\u00e9)e?\b"
    r"|\b(?:versi(?:o|\u00f3)n|c(?:o|\u00f3)digo|script) corregid[ao]\b"
    r"|\u4fee\u6b63(?:\u7248|\u3057\u305f|\u5f8c)|\u4fee\u590d",
    re.IGNORECASE,
)
#: A line in code that stands for code.
LEFT_OUT = re.compile(
    r"^[ \t]*(?:#|//|;)?[ \t]*(?:\.{3}|\u2026)[ \t]*(?:$|[(\[]?[ \t]*(?:rest|remaining|existing|your|previous|same|other|more|"
    r"unchanged|as before|etc|"
    r"restliche\w*|bestehende\w*|unver(?:a|\u00e4)ndert|reste|resto|\u6b8b\u308a|\u65e2\u5b58|\u4ee5\u4e0b)\b.*$)"
    r"|^[ \t]*(?:#|//)[ \t]*[(\[<]?(?:rest of|remaining|existing code|your (?:existing )?code|same as (?:before|above)|"
    r"previous code"
    r"|code continues|rest des|restlicher code|bestehender code)\b.*$"
    r"|^[ \t]*(?:#|//)[ \t]*[(\[\uff08]?(?:\u4ee5\u4e0b)?(?:\u7701\u7565|\u65e2\u5b58\u306e\u30b3\u30fc\u30c9).*$",
    re.IGNORECASE | re.MULTILINE,
)
