package odata

import "fmt"

// Properties names what may be filtered on, with the kind of each.
type Properties map[string]Kind

// maxDepth bounds nesting, as every service does.
const maxDepth = 100

// Parse reads a $filter expression over the given properties. Its errors are what a service would say in its
// ODataError.
func Parse(text string, properties Properties) (Expr, error) {
	tokens, err := lex(text)
	if err != nil {
		return nil, err
	}
	p := parser{tokens: tokens, properties: properties}
	expr, err := p.or()
	if err != nil {
		return nil, err
	}
	if tok := p.peek(); tok.kind != end {
		return nil, fmt.Errorf("syntax error at %q", tok.text)
	}
	return expr, nil
}

type parser struct {
	tokens     []token
	properties Properties
	depth      int
}

func (p *parser) peek() token { return p.tokens[0] }

// take removes the next token; the end stays.
func (p *parser) take() token {
	tok := p.tokens[0]
	if tok.kind != end {
		p.tokens = p.tokens[1:]
	}
	return tok
}

// accept takes the next token if it is the given keyword.
func (p *parser) accept(keyword string) bool {
	if p.peek() != (token{word, keyword}) {
		return false
	}
	p.take()
	return true
}

func (p *parser) or() (Expr, error) {
	left, err := p.and()
	for err == nil && p.accept("or") {
		var right Expr
		right, err = p.and()
		left = orExpr{left, right}
	}
	return left, err
}

func (p *parser) and() (Expr, error) {
	left, err := p.unary()
	for err == nil && p.accept("and") {
		var right Expr
		right, err = p.unary()
		left = andExpr{left, right}
	}
	return left, err
}

func (p *parser) unary() (Expr, error) {
	p.depth++
	defer func() { p.depth-- }()
	if p.depth > maxDepth {
		return nil, fmt.Errorf("expression nested deeper than %d", maxDepth)
	}
	if p.accept("not") {
		inner, err := p.unary()
		return notExpr{inner}, err
	}
	if p.peek().kind != open {
		return p.comparison()
	}
	p.take()
	inner, err := p.or()
	if err != nil {
		return nil, err
	}
	if tok := p.take(); tok.kind != closed {
		return nil, fmt.Errorf("')' expected at %q", tok.text)
	}
	return inner, nil
}

func (p *parser) comparison() (Expr, error) {
	name, op, value := p.take(), p.take(), p.take()
	kind, ok := p.properties[name.text]
	switch {
	case name.kind != word:
		return nil, fmt.Errorf("property expected at %q", name.text)
	case !ok:
		return nil, fmt.Errorf("property %q cannot be filtered on", name.text)
	case op.kind != word || !isOperator(op.text):
		return nil, fmt.Errorf("operator expected at %q", op.text)
	case value.kind != word && value.kind != quoted:
		return nil, fmt.Errorf("literal expected at %q", value.text)
	case kind == Enum && op.text != "eq" && op.text != "ne":
		return nil, fmt.Errorf("operator %q does not apply to an enumeration", op.text)
	}
	v, err := literal(value, kind)
	if err != nil {
		return nil, err
	}
	return comparison{name: name.text, op: op.text, value: v}, nil
}
