"""Small pages that are easily misread, and the elements on each that load from the tracker `t.test`.

html5lib is the judge: the benchmark first checks that its tree agrees with every line. A `*` in a page
stands for the tracker's plain URL.
"""

from typing import Final

TRICKY: Final[dict[str, list[str]]] = {
    "<img src=*>": ["img"],
    "<IMG SRC='*'>": ["img"],
    "<img/src=*>": ["img"],
    "<img alt=''src=*>": ["img"],
    "<img src=/own src=*>": [],
    "<img src\n=\n\"*\">": ["img"],
    "<img src=\\\\t.test\\x>": ["img"],
    "<img src='//t.te\nst/x'>": ["img"],
    "<img src=https&colon;//t&period;test/x>": ["img"],
    "<img src=&#x2F/t.test/x>": ["img"],
    "<img src='/x?a=1&gtm_auth=//t.test/x'>": [],
    "<img srcset='/a 1x, * 2x'>": ["img"],
    "<a title='<img src=*>'>": [],
    "<a b'<img src=*>'>": [],
    "<a ='><img src=*>": ["img"],
    "<<img src=*>": ["img"],
    "< img src=*>": [],
    "</p a='><img src=*>'>": [],
    "<!--><img src=*>": ["img"],
    "<!---><img src=*>": ["img"],
    "<!-- --!><img src=*>": ["img"],
    "<!-- <!--> --><img src=*>": ["img"],
    "<!-- <img src=*> -->": [],
    "<!x a='><img src=*>": ["img"],
    "<?php echo '>'?><img src=*>": ["img"],
    "<![CDATA[ ><img src=*>]]>": ["img"],
    "<svg><![CDATA[<img src=*>]]></svg>": [],
    "<title><img src=*></title>": [],
    "<title></titlex><img src=*></title>": [],
    "<textarea></textarea ><img src=*>": ["img"],
    "<style><!--</style><img src=*>": ["img"],
    "<svg><style><img src=*></style></svg>": ["img"],
    "<svg><desc><style><img src=*></style></desc></svg>": [],
    "<svg><title><img src=*></title></svg>": ["img"],
    "<math><mi><style><img src=*></style></mi></math>": [],
    "<svg><p><style><img src=*></style>": [],
    "<script><!--<script></script>track(1)</script>": ["script"],
    "<script><!--<script></script></script><img src=*>": ["img"],
    "<script><!--</script><img src=*>": ["img"],
    "<script>a</scriptx><img src=*></script>": [],
    "<script type=application/ld+json>{\"u\":\"*\"}</script>": [],
    "<script type=text/html><img src=*></script>": [],
    "<script>track(1)": ["script"],
    "<plaintext></plaintext><img src=*>": [],
    "<noscript><img src=*></noscript>": ["img"],
    "<noframes><img src=*></noframes>": [],
    "<iframe><img src=*></iframe>": [],
    "<xmp><!--</xmp><img src=*>": ["img"],
    "<table><tr><img src=*></table>": ["img"],
    "<image src=*>": ["img"],
    "<link rel='x STYLESHEET' href=*>": ["link"],
    "<link rel=canonical href=*>": [],
    "<img src=* ": [],
}  # fmt: skip


def cases() -> dict[bytes, list[str]]:
    """Return the pages with the tracker's URL put in, and the names of what loads from it on each."""
    return {page.replace("*", "//t.test/x").encode(): names for page, names in TRICKY.items()}
