package schemas

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
)

// A Formula is a formula as a tree: a name, a whole number, or an operation on two formulas.
type Formula struct {
	// Name of a metric; empty in the others.
	Name string
	// Number where there is neither a name nor an operation.
	Number int64
	// Op is '+', '-', '*' or '/'; 0 where there is none.
	Op          byte
	Left, Right *Formula
}

// ParseFormula reads names, whole numbers, + - * / and parentheses, with the usual precedence.
func ParseFormula(text string) (*Formula, error) {
	// Of Go's expressions these are a part, with the same meaning.
	tree, err := parser.ParseExpr(text)
	if err != nil {
		return nil, fmt.Errorf("reading the formula %q: %w", text, err)
	}
	f, err := formula(tree)
	if err != nil {
		return nil, fmt.Errorf("reading the formula %q: %w", text, err)
	}
	return f, nil
}

func formula(tree ast.Expr) (*Formula, error) {
	switch e := tree.(type) {
	case *ast.ParenExpr:
		return formula(e.X)
	case *ast.Ident:
		return &Formula{Name: e.Name}, nil
	case *ast.BasicLit:
		n, err := strconv.ParseInt(e.Value, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%s is no whole number", e.Value)
		}
		return &Formula{Number: n}, nil
	case *ast.BinaryExpr:
		ops := map[token.Token]byte{token.ADD: '+', token.SUB: '-', token.MUL: '*', token.QUO: '/'}
		op := ops[e.Op]
		if op == 0 {
			return nil, fmt.Errorf("%s is none of + - * /", e.Op)
		}
		left, err := formula(e.X)
		if err != nil {
			return nil, err
		}
		right, err := formula(e.Y)
		if err != nil {
			return nil, err
		}
		return &Formula{Op: op, Left: left, Right: right}, nil
	}
	return nil, fmt.Errorf("a %T is no name, whole number, + - * / or parenthesis", tree)
}

// Names calls visit with each name, as often as it is there.
func (f *Formula) Names(visit func(string)) {
	switch {
	case f.Op != 0:
		f.Left.Names(visit)
		f.Right.Names(visit)
	case f.Name != "":
		visit(f.Name)
	}
}

// Divides: it has a division somewhere.
func (f *Formula) Divides() bool {
	return f.Op == '/' || f.Op != 0 && (f.Left.Divides() || f.Right.Divides())
}
