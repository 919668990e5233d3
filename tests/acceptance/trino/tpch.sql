-- The 22 questions of TPC-H in Trino's SQL, columns as its tpch connector names them. Ties are broken, so that answers are comparable.

-- 1: pricing summary
SELECT returnflag, linestatus, sum(quantity), sum(extendedprice), sum(extendedprice * (1 - discount)),
  sum(extendedprice * (1 - discount) * (1 + tax)), avg(quantity), avg(extendedprice), avg(discount), count(*)
FROM lineitem WHERE shipdate <= DATE '1998-12-01' - INTERVAL '90' DAY
GROUP BY returnflag, linestatus ORDER BY returnflag, linestatus;

-- 2: the cheapest supplier of a part
SELECT s.acctbal, s.name, n.name, p.partkey, p.mfgr, s.address, s.phone
FROM part p, supplier s, partsupp ps, nation n, region r
WHERE p.partkey = ps.partkey AND s.suppkey = ps.suppkey AND p.size = 15 AND p.type LIKE '%BRASS'
  AND s.nationkey = n.nationkey AND n.regionkey = r.regionkey AND r.name = 'EUROPE'
  AND ps.supplycost = (SELECT min(i.supplycost) FROM partsupp i, supplier si, nation ni, region ri
    WHERE p.partkey = i.partkey AND si.suppkey = i.suppkey AND si.nationkey = ni.nationkey
      AND ni.regionkey = ri.regionkey AND ri.name = 'EUROPE')
ORDER BY s.acctbal DESC, n.name, s.name, p.partkey LIMIT 100;

-- 3: orders worth most that are not shipped
SELECT l.orderkey, sum(l.extendedprice * (1 - l.discount)) AS revenue, o.orderdate, o.shippriority
FROM customer c, orders o, lineitem l
WHERE c.mktsegment = 'BUILDING' AND c.custkey = o.custkey AND l.orderkey = o.orderkey
  AND o.orderdate < DATE '1995-03-15' AND l.shipdate > DATE '1995-03-15'
GROUP BY l.orderkey, o.orderdate, o.shippriority ORDER BY revenue DESC, o.orderdate, l.orderkey LIMIT 10;

-- 4: late orders by priority
SELECT o.orderpriority, count(*) FROM orders o
WHERE o.orderdate >= DATE '1993-07-01' AND o.orderdate < DATE '1993-10-01'
  AND EXISTS (SELECT 1 FROM lineitem l WHERE l.orderkey = o.orderkey AND l.commitdate < l.receiptdate)
GROUP BY o.orderpriority ORDER BY o.orderpriority;

-- 5: revenue of suppliers from customers of their nation
SELECT n.name, sum(l.extendedprice * (1 - l.discount)) AS revenue
FROM customer c, orders o, lineitem l, supplier s, nation n, region r
WHERE c.custkey = o.custkey AND l.orderkey = o.orderkey AND l.suppkey = s.suppkey AND c.nationkey = s.nationkey
  AND s.nationkey = n.nationkey AND n.regionkey = r.regionkey AND r.name = 'ASIA'
  AND o.orderdate >= DATE '1994-01-01' AND o.orderdate < DATE '1995-01-01'
GROUP BY n.name ORDER BY revenue DESC, n.name;

-- 6: revenue that small discounts cost
SELECT sum(extendedprice * discount) FROM lineitem
WHERE shipdate >= DATE '1994-01-01' AND shipdate < DATE '1995-01-01' AND discount BETWEEN 0.05 AND 0.07 AND quantity < 24;

-- 7: trade between two nations
SELECT seller, buyer, y, sum(volume) FROM (
  SELECT n1.name AS seller, n2.name AS buyer, year(l.shipdate) AS y, l.extendedprice * (1 - l.discount) AS volume
  FROM supplier s, lineitem l, orders o, customer c, nation n1, nation n2
  WHERE s.suppkey = l.suppkey AND o.orderkey = l.orderkey AND c.custkey = o.custkey AND s.nationkey = n1.nationkey
    AND c.nationkey = n2.nationkey AND l.shipdate BETWEEN DATE '1995-01-01' AND DATE '1996-12-31'
    AND ((n1.name = 'FRANCE' AND n2.name = 'GERMANY') OR (n1.name = 'GERMANY' AND n2.name = 'FRANCE')))
GROUP BY seller, buyer, y ORDER BY seller, buyer, y;

-- 8: a nation's share of a market
SELECT y, sum(CASE WHEN nation = 'BRAZIL' THEN volume ELSE 0 END), sum(volume) FROM (
  SELECT year(o.orderdate) AS y, l.extendedprice * (1 - l.discount) AS volume, n2.name AS nation
  FROM part p, supplier s, lineitem l, orders o, customer c, nation n1, nation n2, region r
  WHERE p.partkey = l.partkey AND s.suppkey = l.suppkey AND l.orderkey = o.orderkey AND o.custkey = c.custkey
    AND c.nationkey = n1.nationkey AND n1.regionkey = r.regionkey AND r.name = 'AMERICA' AND s.nationkey = n2.nationkey
    AND o.orderdate BETWEEN DATE '1995-01-01' AND DATE '1996-12-31' AND p.type = 'ECONOMY ANODIZED STEEL')
GROUP BY y ORDER BY y;

-- 9: profit by nation and year
SELECT nation, y, sum(amount) FROM (
  SELECT n.name AS nation, year(o.orderdate) AS y, l.extendedprice * (1 - l.discount) - ps.supplycost * l.quantity AS amount
  FROM part p, supplier s, lineitem l, partsupp ps, orders o, nation n
  WHERE s.suppkey = l.suppkey AND ps.suppkey = l.suppkey AND ps.partkey = l.partkey AND p.partkey = l.partkey
    AND o.orderkey = l.orderkey AND s.nationkey = n.nationkey AND p.name LIKE '%green%')
GROUP BY nation, y ORDER BY nation, y DESC;

-- 10: customers who sent most back
SELECT c.custkey, c.name, sum(l.extendedprice * (1 - l.discount)) AS revenue, c.acctbal, n.name, c.phone
FROM customer c, orders o, lineitem l, nation n
WHERE c.custkey = o.custkey AND l.orderkey = o.orderkey AND o.orderdate >= DATE '1993-10-01' AND o.orderdate < DATE '1994-01-01'
  AND l.returnflag = 'R' AND c.nationkey = n.nationkey
GROUP BY c.custkey, c.name, c.acctbal, c.phone, n.name ORDER BY revenue DESC, c.custkey LIMIT 20;

-- 11: stock that matters in a nation
SELECT ps.partkey, sum(ps.supplycost * ps.availqty) AS worth FROM partsupp ps, supplier s, nation n
WHERE ps.suppkey = s.suppkey AND s.nationkey = n.nationkey AND n.name = 'GERMANY'
GROUP BY ps.partkey
HAVING sum(ps.supplycost * ps.availqty) > (SELECT sum(i.supplycost * i.availqty) * DECIMAL '0.0001'
  FROM partsupp i, supplier si, nation ni WHERE i.suppkey = si.suppkey AND si.nationkey = ni.nationkey AND ni.name = 'GERMANY')
ORDER BY worth DESC, ps.partkey;

-- 12: late shipments by mode
SELECT l.shipmode, count_if(o.orderpriority IN ('1-URGENT', '2-HIGH')), count_if(o.orderpriority NOT IN ('1-URGENT', '2-HIGH'))
FROM orders o, lineitem l
WHERE o.orderkey = l.orderkey AND l.shipmode IN ('MAIL', 'SHIP') AND l.commitdate < l.receiptdate
  AND l.shipdate < l.commitdate AND l.receiptdate >= DATE '1994-01-01' AND l.receiptdate < DATE '1995-01-01'
GROUP BY l.shipmode ORDER BY l.shipmode;

-- 13: how many orders customers make
SELECT orders_made, count(*) AS customers FROM (
  SELECT c.custkey, count(o.orderkey) AS orders_made
  FROM customer c LEFT JOIN orders o ON c.custkey = o.custkey AND o.comment NOT LIKE '%special%requests%' GROUP BY c.custkey)
GROUP BY orders_made ORDER BY customers DESC, orders_made DESC;

-- 14: revenue of promotions
SELECT sum(CASE WHEN p.type LIKE 'PROMO%' THEN l.extendedprice * (1 - l.discount) ELSE 0 END), sum(l.extendedprice * (1 - l.discount))
FROM lineitem l, part p
WHERE l.partkey = p.partkey AND l.shipdate >= DATE '1995-09-01' AND l.shipdate < DATE '1995-10-01';

-- 15: the best supplier of a quarter
WITH revenue AS (
  SELECT suppkey, sum(extendedprice * (1 - discount)) AS total FROM lineitem
  WHERE shipdate >= DATE '1996-01-01' AND shipdate < DATE '1996-04-01' GROUP BY suppkey)
SELECT s.suppkey, s.name, s.address, s.phone, r.total FROM supplier s, revenue r
WHERE s.suppkey = r.suppkey AND r.total = (SELECT max(total) FROM revenue) ORDER BY s.suppkey;

-- 16: suppliers by attributes of parts
SELECT p.brand, p.type, p.size, count(DISTINCT ps.suppkey) AS suppliers FROM partsupp ps, part p
WHERE p.partkey = ps.partkey AND p.brand <> 'Brand#45' AND p.type NOT LIKE 'MEDIUM POLISHED%'
  AND p.size IN (49, 14, 23, 45, 19, 3, 36, 9)
  AND ps.suppkey NOT IN (SELECT suppkey FROM supplier WHERE comment LIKE '%Customer%Complaints%')
GROUP BY p.brand, p.type, p.size ORDER BY suppliers DESC, p.brand, p.type, p.size;

-- 17: what small orders bring in a year
SELECT sum(l.extendedprice) FROM lineitem l, part p
WHERE p.partkey = l.partkey AND p.brand = 'Brand#23' AND p.container = 'MED BOX'
  AND l.quantity < (SELECT avg(i.quantity) / 5 FROM lineitem i WHERE i.partkey = p.partkey);

-- 18: customers with large orders
SELECT c.name, c.custkey, o.orderkey, o.orderdate, o.totalprice, sum(l.quantity) FROM customer c, orders o, lineitem l
WHERE o.orderkey IN (SELECT orderkey FROM lineitem GROUP BY orderkey HAVING sum(quantity) > 250)
  AND c.custkey = o.custkey AND o.orderkey = l.orderkey
GROUP BY c.name, c.custkey, o.orderkey, o.orderdate, o.totalprice ORDER BY o.totalprice DESC, o.orderdate, o.orderkey LIMIT 100;

-- 19: revenue of some parts by air
SELECT sum(l.extendedprice * (1 - l.discount)) FROM lineitem l, part p
WHERE p.partkey = l.partkey AND l.shipmode IN ('AIR', 'REG AIR') AND l.shipinstruct = 'DELIVER IN PERSON' AND (
  (p.brand = 'Brand#12' AND p.container LIKE 'SM%' AND l.quantity BETWEEN 1 AND 11 AND p.size BETWEEN 1 AND 5)
  OR (p.brand = 'Brand#23' AND p.container LIKE 'MED%' AND l.quantity BETWEEN 10 AND 20 AND p.size BETWEEN 1 AND 10)
  OR (p.brand = 'Brand#34' AND p.container LIKE 'LG%' AND l.quantity BETWEEN 20 AND 30 AND p.size BETWEEN 1 AND 15));

-- 20: suppliers with too much in stock
SELECT s.name, s.address FROM supplier s, nation n
WHERE s.nationkey = n.nationkey AND n.name = 'CANADA' AND s.suppkey IN (
  SELECT ps.suppkey FROM partsupp ps WHERE ps.partkey IN (SELECT partkey FROM part WHERE name LIKE 'forest%')
    AND ps.availqty > (SELECT sum(l.quantity) / 2 FROM lineitem l WHERE l.partkey = ps.partkey AND l.suppkey = ps.suppkey
      AND l.shipdate >= DATE '1994-01-01' AND l.shipdate < DATE '1995-01-01'))
ORDER BY s.name;

-- 21: suppliers who kept orders waiting
SELECT s.name, count(*) AS waits FROM supplier s, lineitem l, orders o, nation n
WHERE s.suppkey = l.suppkey AND o.orderkey = l.orderkey AND o.orderstatus = 'F' AND l.receiptdate > l.commitdate
  AND EXISTS (SELECT 1 FROM lineitem i WHERE i.orderkey = l.orderkey AND i.suppkey <> l.suppkey)
  AND NOT EXISTS (SELECT 1 FROM lineitem i WHERE i.orderkey = l.orderkey AND i.suppkey <> l.suppkey AND i.receiptdate > i.commitdate)
  AND s.nationkey = n.nationkey AND n.name = 'SAUDI ARABIA'
GROUP BY s.name ORDER BY waits DESC, s.name LIMIT 100;

-- 22: customers with money who do not buy
SELECT code, count(*), sum(acctbal) FROM (
  SELECT substr(c.phone, 1, 2) AS code, c.acctbal FROM customer c
  WHERE substr(c.phone, 1, 2) IN ('13', '31', '23', '29', '30', '18', '17')
    AND c.acctbal > (SELECT avg(acctbal) FROM customer WHERE acctbal > 0
      AND substr(phone, 1, 2) IN ('13', '31', '23', '29', '30', '18', '17'))
    AND NOT EXISTS (SELECT 1 FROM orders o WHERE o.custkey = c.custkey))
GROUP BY code ORDER BY code;
