package outline

// reader walks down a text. Each method takes the place where something begins and returns the place after it; once
// err is set the places mean nothing, but lie beyond the text, so that every loop ends there.
type reader struct {
	text     []byte
	outline  *Outline
	elements int // of the array that ended last
	err      error
}

func (r *reader) fail(err error) int {
	if r.err == nil {
		r.err = err
	}
	return len(r.text)
}

// at returns the byte at i; 0, which is valid nowhere, beyond the text.
func (r *reader) at(i int) byte {
	if i < len(r.text) {
		return r.text[i]
	}
	if r.err == nil {
		r.err = ErrShort
	}
	return 0
}

// token returns the first byte at or after i that is not white space, and its place.
func (r *reader) token(i int) (byte, int) {
	for {
		switch c := r.at(i); c {
		case ' ', '\n', '\r', '\t':
			i++
		default:
			return c, i
		}
	}
}

func (r *reader) deeper(depth int) bool {
	if depth > MaxDepth {
		r.fail(ErrTooDeep)
		return false
	}
	r.outline.Depth = max(r.outline.Depth, depth)
	return true
}

// object reads the object whose bracket is at i, the depth-th that is open there.
func (r *reader) object(i, depth int) int {
	if !r.deeper(depth) {
		return len(r.text)
	}
	c, i := r.token(i + 1)
	if c == '}' {
		return i + 1
	}
	for {
		if c != '"' {
			return r.fail(ErrInvalid)
		}
		name := Span{Start: i + 1}
		var escaped bool
		i, escaped = r.string(i)
		name.End = i - 1
		if c, i = r.token(i); c != ':' {
			return r.fail(ErrInvalid)
		}
		_, i = r.token(i + 1)
		begin := i
		i = r.value(i, depth)
		if r.err != nil {
			return i
		}
		if depth == 1 {
			r.outline.keep(Member{Name: name, Value: Span{begin, i}, Escaped: escaped, Elements: r.elements})
		}
		c, i = r.token(i)
		switch c {
		case ',':
			c, i = r.token(i + 1)
		case '}':
			return i + 1
		default:
			return r.fail(ErrInvalid)
		}
	}
}

func (r *reader) array(i, depth int) int {
	if !r.deeper(depth) {
		return len(r.text)
	}
	c, i := r.token(i + 1)
	if c == ']' {
		r.elements = 0
		return i + 1
	}
	for n := 1; ; n++ {
		i = r.value(i, depth)
		if r.err != nil {
			return i
		}
		c, i = r.token(i)
		switch c {
		case ',':
			_, i = r.token(i + 1)
		case ']':
			r.elements = n
			return i + 1
		default:
			return r.fail(ErrInvalid)
		}
	}
}

// value reads the value at i, with depth brackets open around it.
func (r *reader) value(i, depth int) int {
	switch r.at(i) {
	case '"':
		i, _ = r.string(i)
		return i
	case '{':
		return r.object(i, depth+1)
	case '[':
		return r.array(i, depth+1)
	case 'n':
		if i+4 <= len(r.text) && string(r.text[i:i+4]) == "null" {
			return i + 4
		}
		return r.broken(i, "null")
	case 't':
		if i+4 <= len(r.text) && string(r.text[i:i+4]) == "true" {
			return i + 4
		}
		return r.broken(i, "true")
	case 'f':
		if i+5 <= len(r.text) && string(r.text[i:i+5]) == "false" {
			return i + 5
		}
		return r.broken(i, "false")
	default:
		return r.number(i)
	}
}

// broken tells a literal that the end of the text cuts off from one that is wrong.
func (r *reader) broken(i int, want string) int {
	for k := range len(want) {
		if r.at(i+k) != want[k] {
			break
		}
	}
	return r.fail(ErrInvalid)
}

func (r *reader) number(i int) int {
	if r.at(i) == '-' {
		i++
	}
	if r.at(i) == '0' {
		i++
	} else {
		i = r.digits(i)
	}
	if r.at(i) == '.' {
		i = r.digits(i + 1)
	}
	if c := r.at(i); c == 'e' || c == 'E' {
		i++
		if c := r.at(i); c == '+' || c == '-' {
			i++
		}
		i = r.digits(i)
	}
	return i
}

// digits reads at least one.
func (r *reader) digits(i int) int {
	begin := i
	for c := r.at(i); '0' <= c && c <= '9'; c = r.at(i) {
		i++
	}
	if i == begin {
		return r.fail(ErrInvalid)
	}
	return i
}
