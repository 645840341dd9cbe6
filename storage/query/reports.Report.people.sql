SELECT total, first, last, label, known, withheld, joined, rounded, value
FROM report_people(
    site = {site:String}, zone = {zone:String}, from = {from:Date}, to = {to:Date},
    metric = {metric:String}, by = {by:String}, k = {k:UInt32})
ORDER BY total DESC, first, value DESC, label
LIMIT {limit:UInt32}
