"use strict";(()=>{new BroadcastChannel("consentkit").postMessage({});})();
