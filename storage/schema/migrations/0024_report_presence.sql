-- Says why a report may be empty, in four answers of yes or no. It gives out no
-- number and nothing about a group.

CREATE OR REPLACE VIEW report_presence
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT
    (SELECT count() > 0 FROM (SELECT 1 FROM banner_counts WHERE site = {site:String} AND expires_at > now() LIMIT 1)) AS asked,
    (SELECT count() > 0 FROM (SELECT 1 FROM consents WHERE site = {site:String} AND keep_until > now() LIMIT 1)) AS consented,
    (SELECT count() > 0 FROM (SELECT 1 FROM events WHERE site = {site:String} AND expires_at > now() LIMIT 1)) AS any_event,
    (SELECT count() > 0 FROM (SELECT 1 FROM events WHERE site = {site:String} AND expires_at > now()
        AND toDate(time, {zone:String}) BETWEEN {from:Date} AND {to:Date} LIMIT 1)) AS event_here;
