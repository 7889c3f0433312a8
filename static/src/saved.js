// The visitor's page has saved an answer: every open page hears what it denies, then asks for the rest.
const channel = new BroadcastChannel("consentkit");
const said = document.cookie.match(/(^|; )consentkit_allows=([^;~]*)/)?.[2] ?? "";
channel.postMessage([...said.matchAll(/[.](\w+)-/g)].map(([, category]) => category));
channel.postMessage(0);
