// What the demo's policy declares for the service Example Ads: it runs only in a
// frame that waits for the purpose marketing.
document.cookie = "_example_ads=1; Path=/; Max-Age=2592000; SameSite=Lax";
document.cookie = "_example_ads_files=1; Path=/; Max-Age=2592000; SameSite=Lax";
sessionStorage.setItem("example-ads", "1");
indexedDB.open("example-ads").onsuccess = (event) => event.target.result.close();
