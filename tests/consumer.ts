// A site's own script, as its author would write it: `npm run check` says whether the published types hold.
/// <reference path="../static/consentkit.d.ts" />

window.consentkit ||= [];
window.consentkit.push(async (kit) => {
  const { allowed, ask, until }: ConsentKitState = kit.state;
  if (ask && !allowed.includes("analytics")) await kit.open();
  if (kit.allows("analytics") && kit.allowsService("google-analytics")) console.log(until.analytics?.slice(0, 10));
  await kit.accept(["analytics"]);
  await kit.save({ analytics: true, marketing: false });
  await kit.reject();
  // @ts-expect-error: only the visitor's answer changes it
  kit.state = { allowed: ["marketing"], ask: false, until: {} };
  // @ts-expect-error: a choice is yes or no
  await kit.save({ analytics: "yes" });
});

document.addEventListener("consentkit:change", ({ detail }) => console.log(detail.allowed.join()));
