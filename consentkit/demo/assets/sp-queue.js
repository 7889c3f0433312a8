// Runs what Snowplow's tag has queued: each entry is ["function" or "function:tracker;tracker", ...arguments].
(function (tracker) {
  function run(entry) {
    var call = Array.prototype.slice.call(entry);
    var target = call.shift().split(":");
    if (target[1]) call.push(target[1].split(";"));
    if (tracker[target[0]]) tracker[target[0]].apply(null, call);
  }
  (window.GlobalSnowplowNamespace || []).forEach(function (name) {
    var waiting = window[name].q || [];
    window[name].q = { push: run };
    waiting.forEach(run);
  });
})(exports);
