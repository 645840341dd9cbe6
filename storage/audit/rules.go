package audit

// Rule is one thing that the audit proves. Its id is what scripts go by.
type Rule struct {
	ID   string `json:"id"`
	Law  int    `json:"law"`  // of the laws of the system
	Says string `json:"says"` // what a violation of it is
}

// verdict is what the rules come to for one row of events: the place of the
// first rule in their order that the row breaks.
type verdict = uint8

// The verdicts. Their order is that of the rules: what a row lacks first is said
// first, and nothing that follows from it.
const (
	inOrder verdict = iota
	noDecision
	noEdition
	tooEarly
	tooLate
	withdrawn
	unerased
	narrowed
	noPurpose
	notGranted
	undeclared
	longKept
	addressLongKept

	unjudged verdict = 255 // younger than what every node has flushed
)

// The ids of the rules.
const (
	ruleDecision      = "decision"
	ruleSite          = "site"
	ruleEdition       = "edition"
	ruleEarly         = "early"
	ruleLate          = "late"
	ruleWithdrawn     = "withdrawn"
	ruleErasure       = "erasure"
	ruleNarrowed      = "narrowed"
	ruleColumn        = "column"
	rulePurpose       = "purpose"
	ruleDeclared      = "declared"
	ruleExpiry        = "expiry"
	ruleAddressExpiry = "address_expiry"
	ruleAddress       = "address"
	ruleAddressEvent  = "address_event"
	ruleDoubled       = "doubled"
	ruleItem          = "item"
	ruleTerm          = "term"
	ruleProof         = "proof"
	ruleArchive       = "archive"
	ruleVisible       = "visible"
	ruleOverdue       = "overdue"
	ruleCounted       = "counted"
	ruleOutcome       = "outcome"
)

// Rules lists what is proven, in the order in which it is.
func Rules() []Rule {
	return []Rule{
		{ruleArchive, 1, "an archived edition is not the text that its name stands for, or cannot be read"},
		{ruleItem, 1, "a decision grants an item that its edition does not have"},
		{ruleTerm, 1, "a consent lasts longer than its edition lets it"},
		{ruleProof, 3, "the proof of a decision is kept longer than its edition lets it"},
		{ruleDecision, 1, "a row stands for a decision of which there is no record"},
		{ruleSite, 1, "a row stands for a decision that was made on another site"},
		{ruleEdition, 1, "a row stands for a decision under an edition that its site never published"},
		{ruleEarly, 1, "a row happened before its decision was made"},
		{ruleLate, 1, "a row happened after its consent had ended"},
		{ruleWithdrawn, 1, "a row happened after its decision had been withdrawn or replaced by a narrower one"},
		{ruleErasure, 5, "a row is left of what a withdrawal or a demand should have erased"},
		{ruleNarrowed, 1, "a row holds a value that a narrowed choice took back"},
		{ruleColumn, 1, "a row holds a value that no purpose of its edition permits"},
		{rulePurpose, 1, "a row holds a value for whose purpose the person did not decide"},
		{ruleDeclared, 1, "a row is of an event, or has a property, that its edition does not declare"},
		{ruleExpiry, 3, "a row is kept longer than its purposes and its consent let it"},
		{ruleAddressExpiry, 3, "the network of an address is kept longer than its purposes and its consent let it"},
		{ruleDoubled, 4, "an event stands twice"},
		{ruleAddress, 2, "an address is longer than the network that may be kept"},
		{ruleAddressEvent, 1, "the network of an address belongs to no event"},
		{ruleVisible, 3, "something past its term shows in a view that readers use"},
		{ruleOverdue, 3, "something still lies in the database a day after its term"},
		{ruleCounted, 6, "there are more rows than events that were counted as stored"},
		{ruleOutcome, 6, "an outcome was counted that is not on the closed list"},
	}
}

// ruleOf is the rule that a verdict stands for. Rows without a decision fall
// under one of two rules, which a second look tells apart.
func ruleOf(v verdict) string {
	return [...]string{
		noDecision: ruleDecision, noEdition: ruleEdition, tooEarly: ruleEarly, tooLate: ruleLate, withdrawn: ruleWithdrawn,
		unerased: ruleErasure, narrowed: ruleNarrowed, noPurpose: ruleColumn, notGranted: rulePurpose, undeclared: ruleDeclared,
		longKept: ruleExpiry, addressLongKept: ruleAddressExpiry,
	}[v]
}
