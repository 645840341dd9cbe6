new BroadcastChannel("kelisim").postMessage(0)
