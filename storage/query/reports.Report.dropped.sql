SELECT total, first, last, label, known, withheld, joined, rounded, value
FROM report_dropped(site = {site:String}, from = {from:Date}, to = {to:Date}, by = {by:String}, k = {k:UInt32})
ORDER BY total DESC, first, value DESC, label
LIMIT {limit:UInt32}
