new BroadcastChannel("consentkit").postMessage({});
