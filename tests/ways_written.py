"""The ways in which an address, or the markup around it, can be written so that it is read past."""

from collections.abc import Iterable

from ways import BEACON, Way

# One img each: how its address is written.
ADDRESSES: dict[str, str] = {
    "url-protocol-relative": "//{h}/a.gif",
    "url-upper-case": "//{H}/a.gif",
    "url-upper-scheme": "{S}://{h}/a.gif",
    "url-entity": "&#104;ttp{s5}&colon;//{h}/a.gif",
    "url-entity-hex": "&#x2F;&#X2f;{h}/a.gif",
    "url-entity-unended": "&#47&#47{h}/a.gif",
    "url-entity-named": "&sol;&sol;{h}/a.gif",
    "url-entity-host": "//url-entity-host&period;tracker&#46;test/a.gif",
    "url-tab": "/\t/{h}/a.gif",
    "url-newline": "{s}:/\n/{h}/a.gif",
    "url-tab-entity": "&Tab;{s}:/&NewLine;/{h}/a.gif",
    "url-tab-host": "//url-tab-h&#9;ost.track\ner.test/a.gif",
    "url-control": "&#1;&#32;//{h}/a.gif",
    "url-backslash": "\\\\{h}\\a.gif",
    "url-backslash-mixed": "/\\{h}/a.gif",
    "url-backslash-scheme": "{s}:\\\\{h}/a.gif",
    "url-three-slashes": "{s}:///{h}/a.gif",
    "url-no-slashes-other-scheme": "{o}:{h}/a.gif",
    "url-one-slash-other-scheme": "{o}:/{h}/a.gif",
    "url-port": "{s}://{h}:8080/a.gif",
    "url-port-default": "//{h}:/a.gif",
    "url-percent": "//url-percent%2Etracker.t%65st/a.gif",
    "url-wide": "//url-wide.\uff54racker.test/a.gif",
    "url-ideographic-stop": "//url-ideographic-stop\u3002tracker\uff0etest/a.gif",
    "url-soft-hyphen": "//url-soft-hyphen.tr\u00adacker.test/a.gif",
    "url-spaces": " \n //{h}/a.gif \t",
    "url-query": "//{h}?a.gif",
    "url-fragment": "//{h}#a.gif",
}
SPECIAL = [
    Way("url-dot", '<img src="//{h}./a.gif">', met="url-dot.tracker.test."),
    Way(
        "url-unicode",
        '<img src="//b\u00fccher.url-unicode.tracker.test/">',
        met="xn--bcher-kva.url-unicode.tracker.test",
    ),
    Way("url-punycode", '<img src="//XN--bcher-kva.{h}/">', met="xn--bcher-kva.url-punycode.tracker.test"),
    Way("url-ipv4", '<img src="{s}://192.0.2.7/a.gif">', met="192.0.2.7"),
    Way("url-ipv4-number", '<img src="{s}://3221225992/a.gif">', met="192.0.2.8"),
    Way("url-ipv4-hex", '<img src="//0xC0.0.521/a.gif">', met="192.0.2.9"),
]
# No policy can name these: only a site that lets nobody undeclared pass is spared them.
STRANGERS = [
    Way("url-ipv6", '<img src="//[2001:db8::7]/a.gif">', met="2001:db8::7"),
    Way("url-ipv6-long", '<img src="//[2001:DB8:0:0::0008]/a.gif">', met="2001:db8::8"),
    Way("url-ipv6-ipv4", '<img src="//[2001:db8::192.0.2.9]/a.gif">', met="2001:db8::c000:209"),
]
# What stands in the way of reading the tag as one. An img is what loads.
STATES: dict[str, str] = {
    "tag-no-space": '<img/src="{gif}"/x>',
    "tag-newlines": '<img\n\n\tsrc\n=\n"{gif}"\n>',
    "tag-equals-name": "<img =a=b src={gif}>",
    "tag-quote-in-name": "<img a\"b='>' src={gif}>",
    "tag-glued": "<img alt=\"x\"src='{gif}'>",
    "tag-slash-value": "<img alt=/ src={gif}/>",
    "tag-duplicate": '<img src="{gif}" src="/own/d.gif">',
    "tag-less-than": "<img alt=< <a src={gif}>",
    "comment-short": '<!--><img src="{gif}">-->',
    "comment-dash": '<!---><img src="{gif}">-->',
    "comment-bang": '<!-- --!><img src="{gif}">-->',
    "comment-nested": '<!-- <!-- --><img src="{gif}"> -->',
    "comment-bogus": '<!x -- ><img src="{gif}">',
    "comment-question": '<?x "><img src="{gif}">">',
    "comment-end-tag": '</ x="><img src="{gif}">',
    "cdata-in-html": '<![CDATA[><img src="{gif}">]]>',
    "cdata-in-svg": '<svg><desc><![CDATA[ x ]]><img src="{gif}"></desc></svg>',
    "less-than-text": '<3 <<img src="{gif}">',
    "select": '<select><option>x<img src="{gif}"></select>',
    "table-fostered": '<table><img src="{gif}"></table>',
    "textarea-end": '<textarea><img src=x></textarea/"><img src="{gif}">',
    "title-end": '<title><!--</title><img src="{gif}">-->',
    "style-end": '<style>/*</style><img src="{gif}">*/',
    "xmp-end": '<xmp></xmpp></XMP x><img src="{gif}">',
    "noembed-end": '<noembed></noembed><img src="{gif}">',
    "iframe-end": '<iframe>"</iframe><img src="{gif}">',
    "template-nested": "<template><template></template></template><img src='{gif}'>",
    "svg-textarea": '<svg><textarea><img src="{gif}"></textarea></svg>',
    "svg-style-tags": '<svg><style><img src="{gif}"></style></svg>',
    "svg-in-math": '<math><annotation-xml><svg><desc><img src="{gif}"></desc></svg></math>',
    "svg-self-closed": '<svg/><img src="{gif}">',
    "formatting": '<b><i><a><p></b><img src="{gif}"></i></a>',
    "script-double-escaped": '<script type=x><!--<script></script></script><img src="{gif}">',
    "script-escaped-end": '<script type=x><!--</script><img src="{gif}">-->',
}
# The end of the page comes before the end of the construct.
UNENDED: dict[str, str] = {
    "unended-style": "<p>x<style>p{background:url({gif})",
    "unended-style-import": "<p>x<style>@import '{u}/a.css'",
    "unended-iframe": '<iframe src="{u}/">',
    "unended-svg": '<svg><g><image href="{gif}" {box}>',
    "unended-object": '<object data="{u}/a.svg" type="image/svg+xml">',
    "unended-select": '<select><option><img src="{gif}">',
    "unended-table": '<table><tr><td><table><img src="{gif}">',
    "after-body": '<body></body><img src="{gif}">',
    "after-html": '</html><img src="{gif}">',
    "after-frameset-text": '<p>x<frameset><frame src=x></frameset><img src="{gif}">',
    "unended-shadow": '<div><template shadowrootmode=open><img src="{gif}">',
}
# What only the preload scanner reads as a tag: the tree builder doesn't, or not with these attributes.
BLOCKING = '<script src="/own/blocking.js"></script>'
PRELOADED: dict[str, str] = {
    "preload-svg-style": '<svg><style><a title="</style><img src={gif}>"></style></svg>',
    "preload-select-img": '<select><img src="{gif}"></select>',
    "preload-duplicate-type": '<script type="text/plain" type="module" src="{u}/a.js"></script>',
    "preload-duplicate-rel": '<link rel="x" rel="stylesheet" href="{u}/a.css">',
    "preload-unended-script": '<script src="{u}/a.js">',
    "preload-math-style": '<math><style><img title="</style><img src={gif}>"></style></math>',
    "preload-frameset": '<frameset></frameset><img src="{gif}">',
    "preload-base": '<base href="{u}/"><script src="a.js"></script>',
    "preload-style-import": "<style>@import url({u}/a.css);</style>",
    "preload-picture": '<picture><source srcset="{gif}"><img src="/own/q.gif"></picture>',
    "preload-noscript": '<noscript><a title="</noscript><img src={gif}>"></noscript>',
}
WITH_SCRIPTS = {"preload-duplicate-type", "preload-unended-script", "preload-base", "preload-noscript"}
SCRIPTED = [
    Way("noscript-title", '<noscript><p title="</noscript><img src={gif}>">x</noscript>', needs="scripts"),
    Way(
        "noscript-style-end",
        "<noscript><style></noscript><img src={gif}></style></noscript>",
        needs="scripts",
    ),
    Way(
        "script-after-another", f"<script nomodule src=x></script><script>{BEACON}</script>", needs="scripts"
    ),
    Way("unended-script-before", f"<script>/*<!--*/{BEACON}</script>", "alone", needs="scripts"),
]


def written() -> Iterable[Way]:
    """Every way that differs in how its address or its surroundings are written."""
    ways = [Way(name, f'<img src="{address}">') for name, address in ADDRESSES.items()]
    ways += [*SPECIAL, *SCRIPTED]
    ways += [Way(name, markup) for name, markup in STATES.items()]
    ways += [Way(name, markup, "alone") for name, markup in UNENDED.items()]
    return [
        *ways,
        *(
            Way(name, BLOCKING + markup, "alone", "scripts" if name in WITH_SCRIPTS else "either")
            for name, markup in PRELOADED.items()
        ),
    ]
