new BroadcastChannel("consentkit").postMessage(0);
