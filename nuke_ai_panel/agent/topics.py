"""What a question is about, read off its words: which nodes further up matter for it, and how to go about the answer."""

from __future__ import annotations

import re
from dataclasses import dataclass

from nuke_ai_panel.hosts.base import NodeInfo

__all__ = ["TOPICS", "Topic", "topics_of"]


@dataclass(frozen=True)
class Topic:
    """A kind of question.

    ``words`` is a pattern that the question holds; ``classes`` (patterns of class names) and ``knobs`` say which nodes upstream
    are of matter; ``whole_script`` names classes that are listed wherever they stand. ``advice`` tells the model how a
    compositor would look for the answer.
    """

    name: str
    words: re.Pattern[str]
    classes: re.Pattern[str]
    knobs: frozenset[str] = frozenset()
    whole_script: tuple[str, ...] = ()
    advice: str = ""

    def is_about(self, node: NodeInfo) -> bool:
        """Return whether a node is of matter for this kind of question."""
        return bool(self.classes.fullmatch(node.class_name)) or not self.knobs.isdisjoint(node.knobs)


def _words(text: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{text})\b", re.IGNORECASE)


TOPICS = (
    Topic(
        "slow",
        _words(r"slow\w*|performance|speed|faster|heavy|takes (?:so )?long|render ?times?|optimi[sz]e"),
        re.compile(
            r".*(?:Denoise|Defocus|Kronos|MotionBlur|VectorBlur|VectorGenerator|OFlow|TimeBlur|FrameBlend|TimeEcho|Convolve"
            r"|ScanlineRender|RayRender|Blink|Median|Bilateral|GodRays|Glow|Inpaint|Upscale|Cattery|Roto|RotoPaint|Deep).*"
        ),
        frozenset({"samples", "motionblur", "bbox", "size", "shutter"}),
        advice="Look for heavy nodes, bounding boxes larger than the format, many motion-blur samples, large filter sizes, and "
        "work that is done before a Crop or at full size although it could be done later or smaller.",
    ),
    Topic(
        "clipping",
        _words(r"clip\w*|clamp\w*|burn(?:t|ed)|blown|superwhites?|negative values?|over ?1(?:\.0)?"),
        re.compile(
            r"Clamp|Grade|ColorCorrect|Saturation|Merge2?|Colorspace|OCIO\w+|Write|Read|Log2Lin|Expression|ColorLookup|Soft\w*"
        ),
        frozenset({"black_clamp", "white_clamp", "clamp", "raw", "colorspace"}),
        advice="Follow the values down: a Clamp, black_clamp or white_clamp, a merge such as screen that bends above 1, a log "
        "or display colour space, an integer file type.",
    ),
    Topic(
        "soft",
        _words(r"soft\w*|blurry|sharp\w*|filter(?:ing)?|pixelat\w*|aliasing|jagg\w*|resolution"),
        re.compile(
            r"Transform\w*|CornerPin\w*|Reformat|Tracker\d*|Stabilize\w*|Blur|Defocus|\w*Defocus|Sharpen|STMap|GridWarp\w*"
            r"|SplineWarp\w*|LensDistortion\w*|Crop|ScanlineRender\w*|Denoise\w*|TimeWarp|Retime|Kronos|IDistort"
        ),
        frozenset({"filter", "size"}),
        advice="Look for transforms that do not concatenate because another node stands between them, for filters (Cubic, "
        "Impulse, Lanczos), for scaling down and up again, for blurs, and for a proxy or a smaller Reformat.",
    ),
    Topic(
        "colour",
        _words(r"red|green|blue|pink|magenta|cyan|tint\w*|hue|colou?r ?spaces?|gamma|too dark|too bright|washed|ocio|lut"),
        re.compile(
            r"Colorspace|OCIO\w+|Read|Write|Grade|ColorCorrect|HueCorrect|HueShift|Saturation|ColorMatrix|Shuffle\w*|Copy"
            r"|Vectorfield|Log2Lin|Primatte\w*|Keylight\w*|Invert|ChannelMerge|Viewer"
        ),
        frozenset({"colorspace", "raw", "channels", "in_colorspace", "out_colorspace"}),
        ("Viewer",),
        advice="Look at the colour space of the files, at raw data, at shuffled or missing channels, at grades on one channel, "
        "and at the viewer's own process before the nodes.",
    ),
    Topic(
        "error",
        _words(r"errors?|fail\w*|broken|missing|not found|does ?n.t work|won.t|red (?:cross|border)"),
        re.compile(r"Read\w*|Camera\d*|ReadGeo\d*|Write\w*|OCIO\w+|Group|LiveGroup|Precomp"),
        frozenset({"file", "onCreate", "disable"}),
        advice="Look for files that are not there, frames outside of a range, expressions whose node was renamed, missing "
        "plug-ins, layers that do not exist, inputs that are open.",
    ),
    Topic(
        "files",
        _words(r"files?|paths?|versions?|frame ?ranges?|footage|plates?|reads?|writes?|renders?"),
        re.compile(r"Read\w*|Write\w*|Camera\d*|DeepRead|Precomp"),
        frozenset({"file"}),
        ("Read", "Write"),
    ),
    Topic(
        "document",
        _words(
            r"document\w*|summar\w*|overview|what (?:does|is) this (?:script|comp)|walk me through"
            r"|explain (?:this|the) (?:script|comp)"
        ),
        re.compile(r"Merge2?|Read|Write|Keylight\w*|Group"),
        frozenset({"label"}),
        ("BackdropNode", "Read", "Write", "StickyNote"),
    ),
)


def topics_of(question: str) -> tuple[Topic, ...]:
    """Return what `question` is about; () where nothing is recognised."""
    return tuple(topic for topic in TOPICS if topic.words.search(question))
