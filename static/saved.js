"use strict";(()=>{new BroadcastChannel("consentkit").postMessage(0);})();
