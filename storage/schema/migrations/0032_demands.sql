-- A demand to erase what was collected so far must also reach what a node still
-- holds and delivers later, so the nodes follow demands as they follow revocations:
-- a row of which the lowest valid decision is 0, which ends none.

ALTER TABLE revocations
    COMMENT COLUMN lowest 'lowest decision that is still valid, 4294967295 = none; 0 = all are, and what was collected until then must go [proof]',
    COMMENT COLUMN expires_at 'when the tokens of the consent are dead anyway; of a demand, 35 days on [proof]';
