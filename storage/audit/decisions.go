package audit

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// decisions checks what is on record of a site's decisions against the editions
// under which they were made.
func (r *run) decisions(ctx context.Context, site string, p *permissions) error {
	args := []any{named("site", site)}
	hashes, terms, proofs := []string{""}, []int{0}, []int{0}
	for hash, e := range p.known {
		hashes, terms, proofs = append(hashes, hash), append(terms, e.policy.TermMonths), append(proofs, e.policy.ProofDays)
	}
	args = append(args, named("hashes", hashes), named("terms", terms), named("proofs", proofs))
	for _, c := range p.classes {
		if c.lacking == "" {
			continue
		}
		examples, err := r.decisionExamples(ctx, site, classSQL+" = @class", r.room(ruleItem), named("site", site), named("class", c.Hash))
		if err != nil {
			return err
		}
		r.found(ruleItem, c.N, examples...)
	}
	const of = "transform(toString(edition), CAST(@hashes, 'Array(String)'), CAST(@%s, 'Array(UInt16)'), toUInt16(0))"
	term, proof := fmt.Sprintf(of, "terms"), fmt.Sprintf(of, "proofs")
	for rule, condition := range map[string]string{
		// A consent ends on the first of a month, at the latest so many months on. A
		// withdrawal keeps the term of the consent it ends.
		ruleTerm:  term + " > 0 AND state != 'ConsentWithdrawn' AND expires_at > addMonths(time, " + term + ") + INTERVAL 1 HOUR",
		ruleProof: proof + " > 0 AND keep_until > expires_at + toIntervalDay(" + proof + ")",
	} {
		n, err := r.number(ctx, r.o.Conn, "SELECT countIf("+condition+") FROM consents WHERE site = @site", args...)
		if err != nil {
			return err
		}
		if n == 0 {
			continue
		}
		examples, err := r.decisionExamples(ctx, site, condition, r.room(rule), args...)
		if err != nil {
			return err
		}
		r.found(rule, n, examples...)
	}
	return nil
}

// decisionExamples finds some decisions.
func (r *run) decisionExamples(ctx context.Context, site, condition string, n int, args ...any) ([]Example, error) {
	var rows []struct {
		ConsentID uuid.UUID `ch:"consent_id"`
		Number    uint32    `ch:"number"`
		Time      time.Time `ch:"time"`
		Expires   time.Time `ch:"expires_at"`
		Edition   string    `ch:"shown"`
	}
	query := fmt.Sprintf("SELECT consent_id, number, time, expires_at, toString(edition) AS shown FROM consents WHERE site = @site AND %s "+
		"ORDER BY consent_id, number LIMIT %d", condition, n)
	if err := r.o.Conn.Select(r.context(ctx), &rows, query, args...); err != nil {
		return nil, fmt.Errorf("audit: examples of decisions: %w", err)
	}
	var out []Example
	for i := range rows {
		v := &rows[i]
		out = append(out, Example{Site: site, ConsentID: &v.ConsentID, Number: v.Number, Time: &v.Time, Expires: &v.Expires, Edition: v.Edition})
	}
	return out, nil
}
