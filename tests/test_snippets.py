"""The vendors' own documented snippets, against the registry."""

import re

import pytest

from consentkit.gate.markup import Rewriter
from consentkit.policy.registry import known_services
from consentkit.policy.whose import Whose

INSERTED = (
    rb'(?i:(<script) data-consentkit="[^"]*" type="text/plain")| data-consentkit="[^"]*"|data-consentkit-'
)

KNOWN = Whose([], known_services().values())

SNIPPETS = {
    "google-tag-manager": (
        (b"<script>(function(w,d,s,l,i){w[l]=w[l]||[];w[l].push({'gtm.start':\nnew Date().getTime(),"
        b"event:'gtm.js'});var f=d.getElementsByTagName(s)[0],\nj=d.createElement(s),dl=l!='dataLayer'?"
        b"'&l='+l:'';j.async=true;j.src=\n'https://www.googletagmanager.com/gtm.js?id='+i+dl;"
        b"f.parentNode.insertBefore(j,f);\n})(window,document,'script','dataLayer','GTM-XXXX');</script>"),
        (b'<noscript><iframe src="https://www.googletagmanager.com/ns.html?id=GTM-XXXX" height="0" width="0"'
        b' style="display:none;visibility:hidden"></iframe></noscript>'),
    ),
    "google-analytics": (
        b'<script async src="https://www.googletagmanager.com/gtag/js?id=G-XXXX"></script>',
        (b"<script>window.dataLayer = window.dataLayer || [];function gtag(){dataLayer.push(arguments);}"
        b"gtag('js', new Date());gtag('config', 'G-XXXX');</script>"),
    ),
    "meta-pixel": (
        (b"<script>!function(f,b,e,v,n,t,s){if(f.fbq)return;n=f.fbq=function(){n.callMethod?n.callMethod.apply"
        b"(n,arguments):n.queue.push(arguments)};}(window,document,'script',"
        b"'https://connect.facebook.net/en_US/fbevents.js');fbq('init', '1');"
        b"fbq('track', 'PageView');</script>"),
        (b'<noscript><img height="1" width="1" style="display:none"'
        b' src="https://www.facebook.com/tr?id=1&ev=PageView&noscript=1"/></noscript>'),
    ),
    "microsoft-clarity": (
        (b'<script>(function(c,l,a,r,i,t,y){c[a]=c[a]||function(){(c[a].q=c[a].q||[]).push(arguments)};'
        b't=l.createElement(r);t.async=1;t.src="https://www.clarity.ms/tag/"+i;})(window, document,'
        b' "clarity", "script", "x");</script>'),
    ),
    "linkedin-insight": (
        (b'<script>_linkedin_partner_id = "1"; window._linkedin_data_partner_ids ='
        b" window._linkedin_data_partner_ids || [];</script>"),
        b'<noscript><img src="https://px.ads.linkedin.com/collect/?pid=1&fmt=gif" /></noscript>',
    ),
    "youtube": (b'<iframe src="https://www.youtube.com/embed/x?rel=0" allowfullscreen></iframe>',),
    "hints": (
        b'<link rel="preconnect" href="https://www.googletagmanager.com">',
        b'<link rel="dns-prefetch" href="//connect.facebook.net">',
    ),
}  # fmt: skip


@pytest.mark.parametrize("vendor", SNIPPETS)
def test_each_part_of_a_vendors_snippet_is_inert(vendor: str) -> None:
    for part in SNIPPETS[vendor]:
        rewriter = Rewriter(KNOWN, b"")
        after = rewriter.feed(part) + rewriter.close()
        assert after.count(b' data-consentkit="') == 1, after
        assert re.sub(INSERTED, rb"\1", after) == part
