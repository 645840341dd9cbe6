SELECT asked, consented, any_event, event_here
FROM report_presence(site = {site:String}, zone = {zone:String}, from = {from:Date}, to = {to:Date})
