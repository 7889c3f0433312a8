(()=>{var s=new BroadcastChannel("consentkit"),t=document.cookie.match(/(^|; )consentkit_allows=([^;~]*)/)?.[2]??"";s.postMessage([...t.matchAll(/[.](\w+)-/g)].map(([,n])=>n));s.postMessage(0);})();
