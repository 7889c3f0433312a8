"""The ways in which a page loads or announces something: elements, hints, styles, handlers.

Each way has a host of its own, so that it is seen alone. `{u}` is its origin, `{h}` its host, `{gif}` an
image there, `{box}` what gives an svg shape a size. Tried and left out, because Chromium does nothing about
them even without consentkit: <link rel=apple-touch-icon>, attributionsrc, <param>, <use> and filter= with
another origin, javascript: in <object> and <embed>, user and password in the address of an image, <img ...>
cut off by the end of the page, <template>. Early hints take HTTP/2, which the server of the tests doesn't
speak. Left alone on purpose are speculation rules, import maps, and handlers of what the visitor does, such
as onclick.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

TRACKER = "tracker.test"
MARK = "tracker-mark"
BEACON = "void((new Image).src=`{u}/beacon`)/*tracker-mark*/"
"""A script that a policy knows by its mark; without quotes, so that any attribute can hold it."""


@dataclass(frozen=True, slots=True)
class Way:
    """One way: its markup, and where it stands: in the index page's head or body, or on a page alone.

    `needs` says whether it works only with scripts switched on, or only with them off. `header` is what the
    page is answered with besides. `met` is the host as the browser's log has it, if that isn't `{h}`.
    """

    name: str
    markup: str = ""
    place: Literal["head", "body", "alone"] = "body"
    needs: Literal["either", "scripts", "no scripts"] = "either"
    header: tuple[str, str] | None = None
    met: str = ""

    @property
    def host(self) -> str:
        return f"{self.name}.{TRACKER}"

    def seen_as(self) -> str:
        return self.met or self.host

    def works(self, *, scripts: bool) -> bool:
        return self.needs == "either" or (self.needs == "scripts") == scripts

    def html(self, scheme: str) -> str:
        return _filled(self.markup, self, scheme)

    def headers(self, scheme: str) -> dict[str, str]:
        return {self.header[0]: _filled(self.header[1], self, scheme)} if self.header else {}


def _filled(text: str, way: Way, scheme: str) -> str:
    """`{o}` is the other scheme, `{s5}` what https has more than http, `{S}` and `{H}` are in capitals."""
    values = {"u": f"{scheme}://{way.host}", "h": way.host, "H": way.host.upper(), "s": scheme}
    values |= {"gif": f"{values['u']}/a.gif", "box": "width=9 height=9"}
    values |= {"S": scheme.upper(), "s5": scheme[4:], "o": "http" if scheme == "https" else "https"}
    for name, value in values.items():
        text = text.replace("{" + name + "}", value)
    return text


def _ways(
    place: Literal["head", "body", "alone"], markup: dict[str, str], needs: str = "either"
) -> list[Way]:
    return [Way(name, text, place, needs) for name, text in markup.items()]  # type: ignore[arg-type]


HINTS = _ways(
    "head",
    {
        "preconnect": '<link rel="preconnect" href="{u}">',
        "preconnect-crossorigin": '<link rel="preconnect" href="{u}" crossorigin>',
        "dns-prefetch": '<link rel="dns-prefetch" href="//{h}">',
        "two-rels": '<link rel="dns-prefetch PreConnect" href="{u}">',
        "preload-style": '<link rel="preload" as="style" href="{u}/a.css">',
        "preload-image": '<link rel="preload" as="image" href="{gif}">',
        "preload-font": '<link rel="preload" as="font" crossorigin href="{u}/a.woff2">',
        "preload-fetch": '<link rel="preload" as="fetch" crossorigin href="{u}/a.json">',
        "preload-track": '<link rel="preload" as="track" crossorigin href="{u}/a.vtt">',
        "preload-imagesrcset": '<link rel="preload" as="image" imagesrcset="{gif} 1x">',
        "prefetch": '<link rel="prefetch" href="{u}/a.html">',
        "prerender": '<link rel="prerender" href="{u}/a.html">',
        "icon": '<link rel="icon" href="{u}/a.ico">',
        "shortcut-icon": '<link rel="shortcut icon" href="{u}/a.ico" sizes="any">',
        "compression-dictionary": '<link rel="compression-dictionary" href="{u}/a.dict">',
        "search": '<link rel="search" title="a" href="{u}/a.xml"'
        ' type="application/opensearchdescription+xml">',
    },
)
HINTS += _ways(
    "head",
    {
        "preload-script": '<link rel="preload" as="script" href="{u}/a.js">',
        "manifest": '<link rel="manifest" href="{u}/a.webmanifest">',
        "modulepreload": '<link rel="modulepreload" href="{u}/a.js">',
    },
    "scripts",
)
HINTS += [
    Way("header-preload", header=("link", "<{gif}>; rel=preload; as=image"), place="head"),
    Way("header-preconnect", header=("link", "<{u}>; rel=preconnect"), place="head"),
    Way("header-dns-prefetch", header=("link", "<//{h}>; rel=dns-prefetch"), place="head"),
    Way(
        "header-modulepreload",
        header=("link", "<{u}/a.js>; rel=modulepreload"),
        place="head",
        needs="scripts",
    ),
    Way("header-refresh", "<p>Soon elsewhere", "alone", header=("refresh", "0;url={u}/")),
]
HEAD = _ways(
    "head",
    {
        "stylesheet": '<link rel="stylesheet" href="{u}/a.css">',
        "stylesheet-alternate": '<link rel="alternate stylesheet" title="b" href="{u}/a.css">',
        "stylesheet-print": '<link rel="stylesheet" media="print" href="{u}/a.css">',
        "link-in-svg-name": "<LINK REL=StyleSheet HREF={u}/a.css>",
        "stylesheet-data": '<link rel="stylesheet" href="data:text/css,@import url({u}/a.css)">',
        "style-import": "<style>@import '{u}/a.css';</style>",
        "style-import-url": "<style>@import url({u}/a.css) print;</style>",
        "style-import-escaped": "<style>@\\69mport '\\68ttp{s5}:\\2f/{h}/a.css';</style>",
        "style-background": "<style>body{background-image:url({gif})}</style>",
        "style-escaped": "<style>h1{background:u\\72l('{gif}')}</style>",
        "style-commented": '<style>h2{background:/**/url( "{gif}"/**/)}h2{background:url({u}/b.gif)}</style>',
        "style-image-set": "<style>h3{background:image-set('{gif}' 1x)}</style>",
        "style-variable": "<style>:root{--a:url({gif})}h4{background:var(--a)}</style>",
        "style-content": "<style>h5::before{content:url({gif})}</style>",
        "style-list": "<style>li{list-style-image:url({gif})}</style>",
        "style-border": "<style>h6{border:1px solid;border-image:url({gif}) 1}</style>",
        "style-mask": "<style>dl{mask-image:url({gif})}</style>",
        "style-cursor": "<style>dt{cursor:url({gif}),auto}</style>",
        "style-font": "<style>@font-face{font-family:f;src:url({u}/a.woff2)}p{font-family:f}</style>",
        "style-html-comment": "<style><!-- i{background:url({gif})} --></style>",
    },
)
HEAD += _ways(
    "head",
    {
        "script": '<script src="{u}/a.js"></script>',
        "script-async": '<script async src="{u}/a.js"></script>',
        "script-defer": '<script defer src="{u}/a.js"></script>',
        "script-module": '<script type="module" src="{u}/a.js"></script>',
        "script-typed": '<script type=" Text/JavaScript " src="{u}/a.js"></script>',
        "script-language": '<script language="javascript" src="{u}/a.js"></script>',
        "script-inline": f"<script>{BEACON}</script>",
        "script-inline-module": f"<script type=module>{BEACON}</script>",
        "script-import": '<script type=module>import "{u}/a.js"</script>',
        "script-data": f'<script src="data:text/javascript,{BEACON}"></script>',
    },
    "scripts",
)
MEDIA = _ways(
    "body",
    {
        "img": '<img src="{gif}">',
        "img-unquoted": "<img src={gif}>",
        "img-lazy": '<img loading="lazy" {box} src="{gif}">',
        "img-srcset": '<img srcset="{gif} 1x, /own/2.gif 2x">',
        "img-srcset-second": '<img sizes="100vw" srcset="/own/s.gif 1w, {gif} 2000w">',
        "img-fallback": '<img src="{gif}" srcset="">',
        "image-element": '<image src="{gif}">',
        "picture": '<picture><source srcset="{gif}"><img src="/own/p.gif"></picture>',
        "picture-media": '<picture><source media="(min-width:1px)" srcset="{gif} 1x"><img></picture>',
        "input-image": '<input type=" image" value=x><input type="image" src="{gif}">',
        "video": '<video preload="auto" src="{u}/a.mp4"></video>',
        "video-poster": '<video poster="{gif}" preload="none"></video>',
        "video-source": '<video preload="auto"><source src="{u}/a.mp4"></video>',
        "audio": '<audio preload="auto" controls src="{u}/a.mp3"></audio>',
        "audio-source": '<audio preload="auto" autoplay><source src="{u}/a.mp3"></audio>',
        "track": '<video src="/own/v.mp4" crossorigin><track default src="{u}/a.vtt"></video>',
        "embed": '<embed src="{u}/a.svg" type="image/svg+xml">',
        "object": '<object data="{u}/a.svg" type="image/svg+xml"></object>',
        "iframe": '<iframe src="{u}/"></iframe>',
        "iframe-lazy": '<iframe loading="lazy" src="{u}/"></iframe>',
        "iframe-srcdoc": '<iframe srcdoc="&lt;img src=&quot;{gif}&quot;>"></iframe>',
        "iframe-in-srcdoc": '<iframe srcdoc="<iframe srcdoc=&quot;&amp;lt;img src={gif}>&quot;>"></iframe>',
        "iframe-srcdoc-style": "<iframe srcdoc=\"<p style='background:url({gif})'>x\"></iframe>",
        "iframe-data": '<iframe src="data:text/html,<img src={gif}>"></iframe>',
        "object-data-html": '<object data="data:text/html,<img src={gif}>"></object>',
        "embed-data-html": '<embed src="data:text/html,<img src={gif}>">',
        "table-background": '<table background="{gif}"><tr><td>x</table>',
        "cell-background": '<table><tr><td background="{gif}">x</table>',
        "style-attribute": '<p style="background:url({gif})">x</p>',
        "style-attribute-entity": '<p style="background:u&#114;l(&quot;{gif}&quot;)">x</p>',
        "style-attribute-escape": '<p style="background:\\75 rl({gif})">x</p>',
        "style-attribute-image-set": "<p style=\"background:-webkit-image-set('{gif}' 1x)\">x</p>",
        "style-in-body": "<style>ul{background:url({gif})}</style>",
        "link-in-body": '<link rel="stylesheet" href="{u}/a.css">',
        "noscript-comment": '<noscript><!-- </noscript> --><img src="{gif}"></noscript>',
        "shadow-root": '<div><template shadowrootmode="open"><img src="{gif}"></template></div>',
        "shadow-style": "<div><template shadowrootmode=closed><style>b{background:url({gif})}</style>"
        "<b>x</b></template></div>",
        "click-ping": '<a data-click href="#a" ping="{u}/ping">x</a>',
        "click-ping-second": '<a data-click href="#b" ping="/own/ping {u}/ping">x</a>',
        "click-svg-ping": '<svg><a data-click href="#d" ping="{u}/ping"><text y=9>x</text></a></svg>',
    },
)
SVG = _ways(
    "body",
    {
        "svg-image": '<svg><image href="{gif}" {box} /></svg>',
        "svg-image-xlink": '<svg><image xlink:href="{gif}" {box} /></svg>',
        "svg-feimage": '<svg><filter id=f><feImage href="{gif}"/></filter>'
        '<rect filter="url(#f)" {box} /></svg>',
        "svg-style": "<svg><style>@import '{u}/a.css';</style></svg>",
        "svg-style-cdata": "<svg><style><![CDATA[@import '{u}/a.css';]]></style></svg>",
        "svg-style-attribute": '<svg><rect {box} style="mask:url({u}/a.svg#a)" /></svg>',
        "svg-fill": '<svg><rect {box} fill="url({u}/a.svg#a)" /></svg>',
        "svg-mask": '<svg><rect {box} mask="url({u}/a.svg#a)" /></svg>',
        "svg-clip-path": '<svg><rect {box} clip-path="url({u}/a.svg#a)" /></svg>',
        "svg-marker": '<svg><path d="M0 0L9 9" marker-start="url({u}/a.svg#a)" /></svg>',
        "svg-cursor": '<svg><rect {box} cursor="url({gif}),auto" /></svg>',
        "svg-set": '<svg><image {box}><set attributeName="href" to="{gif}" /></image></svg>',
        "svg-animate": '<svg><image {box}><animate attributeName="href" dur="1s" values="{gif};{u}/b.gif" />'
        "</image></svg>",
        "svg-set-mask": '<svg><rect {box}><set attributeName="mask" to="url({u}/a.svg#a)" /></rect></svg>',
        "svg-foreign": '<svg><foreignObject {box}><img src="{gif}"></foreignObject></svg>',
        "svg-breakout": '<svg><p><img src="{gif}"></svg>',
        "svg-title": '<svg><title><img src="{gif}"></title></svg>',
        "math-text": '<math><mtext><img src="{gif}"></mtext></math>',
        "math-html": '<math><annotation-xml encoding=text/html><img src="{gif}"></annotation-xml></math>',
    },
)
SVG += _ways(
    "body",
    {
        "svg-script": '<svg><script href="{u}/a.js"></script></svg>',
        "svg-script-xlink": '<svg><script xlink:href="{u}/a.js" /></svg>',
        "svg-script-inline": f"<svg><script>{BEACON}</script></svg>",
        "svg-script-cdata": f"<svg><script><![CDATA[{BEACON}]]></script></svg>",
    },
    "scripts",
)
ACTIVE = _ways(
    "body",
    {
        "handler-error": f'<img src="data:," onerror="{BEACON}">',
        "handler-load": f'<img src="/own/h.gif" onload="{BEACON}">',
        "handler-entity": f'<img src="data:," onerror="{BEACON}">'.replace("/*tracker-", "/*&#116;racker-"),
        "handler-toggle": f'<details open ontoggle="{BEACON}"><p>x</details>',
        "handler-svg": f'<svg onload="{BEACON}"></svg>',
        "handler-frame": f'<iframe onload="{BEACON}" src="/own/f.html"></iframe>',
        "handler-style": f'<style onload="{BEACON}">a{{}}</style>',
        "handler-animation": f'<svg><animate attributeName="x" dur="1s" onbegin="{BEACON}" /></svg>',
        "frame-javascript": f'<iframe src="javascript:{BEACON}"></iframe>',
        "frame-javascript-spaced": f'<iframe src=" JAVA&#9;SCRIPT&colon;{BEACON}"></iframe>',
        "srcdoc-script": f"<iframe srcdoc='<script>{BEACON}</script>'></iframe>",
        "srcdoc-handler": f"<iframe srcdoc='<body onload=\"{BEACON}\">'></iframe>",
        "data-script": f'<iframe src="data:text/html,<script>{BEACON}</script>"></iframe>',
    },
    "scripts",
)
QUIET = _ways(
    "body",
    {
        "noscript-img": '<noscript><img src="{gif}"></noscript>',
        "noscript-frame": '<noscript><iframe src="{u}/"></iframe></noscript>',
        "noscript-style": "<noscript><style>@import '{u}/a.css';</style></noscript>",
        "noscript-style-attribute": '<noscript><p style="background:url({gif})">x</p></noscript>',
        "noscript-svg": '<noscript><svg><image href="{gif}" {box} /></svg></noscript>',
    },
    "no scripts",
)
QUIET += _ways(
    "head", {"noscript-link": '<noscript><link rel=stylesheet href="{u}/a.css"></noscript>'}, "no scripts"
)
ALONE = _ways(
    "alone",
    {
        "refresh": '<meta http-equiv="refresh" content="0;url={u}/">',
        "refresh-quoted": "<meta content=\"0; URL='{u}/'\" http-equiv=Refresh>",
        "refresh-bare": '<meta http-equiv="refresh" content="0,{u}/">',
        "refresh-entity": '<meta http-equiv="&#114;efresh" content="0;&#117;rl={u}/">',
        "refresh-in-body": '<body><p>x<meta http-equiv="refresh" content=".1;{u}/">',
        "refresh-in-srcdoc": "<iframe srcdoc=\"<meta http-equiv=refresh content='0;url={u}/'>\"></iframe>",
        "base": '<base href="{u}/"><img src="a.gif">',
        "base-path": '<base href="{u}/deep/"><img src="/a.gif">',
        "base-protocol": '<base href="//{h}"><link rel=stylesheet href=a.css>',
        "base-style": '<base href="{u}/"><style>p{background:url(a.gif)}</style><p>x',
        "base-style-attribute": '<base href="{u}/"><p style="background:url(a.gif)">x',
        "base-srcset": '<base href="{u}/"><img srcset="a.gif 1x">',
        "base-second": '<base target=_self><base href="{u}/"><base href="/own/"><img src="a.gif">',
        "base-late": '<p>x<base href="{u}/"><img src="a.gif">',
        "base-srcdoc": '<base href="{u}/"><iframe srcdoc="<img src=a.gif>"></iframe>',
        "base-in-srcdoc": '<iframe srcdoc="<base href={u}><img src=a.gif>"></iframe>',
        "base-hint": '<base href="{u}/"><link rel=preconnect href="/">',
        "base-svg": '<base href="{u}/"><svg><image href="a.gif" {box} /></svg>',
        "base-refresh": '<base href="{u}/"><meta http-equiv=refresh content="0;url=a.html">',
        "body-background": '<body background="{gif}"><p>x',
        "body-twice": '<body><p>x<body background="{gif}">',
        "frameset": '<frameset cols="*"><frame src="{u}/"></frameset>',
        "html-style": '<p>x<html style="background:url({gif})">',
    },
)
ALONE += _ways(
    "alone",
    {
        "base-script": '<base href="{u}/"><script src="a.js"></script>',
        "base-module": '<base href="{u}/"><script type=module>import "./a.js"</script>',
        "body-onload": f'<body onload="{BEACON}"><p>x',
        "body-onpageshow": f'<p>x<body onpageshow="{BEACON}">',
        "frame-javascript-set": f'<frameset cols="*"><frame src="javascript:{BEACON}"></frameset>',
    },
    "scripts",
)
ALONE += _ways(
    "alone",
    {"noscript-refresh": '<noscript><meta http-equiv=refresh content="0;{u}/"></noscript>'},
    "no scripts",
)


def elements() -> Iterable[Way]:
    """Every way that is an element, a hint, a style or a handler."""
    return [*HINTS, *HEAD, *MEDIA, *SVG, *ACTIVE, *QUIET, *ALONE]
