SELECT total, first, last, label, known, withheld, joined, rounded, value
FROM report_withdrawn(site = {site:String}, zone = {zone:String}, from = {from:Date}, to = {to:Date}, k = {k:UInt32})
ORDER BY total DESC, first, value DESC, label
LIMIT {limit:UInt32}
