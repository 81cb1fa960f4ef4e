extension Expression {
    /// The expressions right within it.
    private var parts: [Expression] {
        switch form {
        case .none, .bool, .integer, .float, .text, .name: []
        case .list(let items), .tuple(let items), .concatenation(let items): items
        case .dictionary(let items): items.flatMap { [$0.key, $0.value] }
        case .attribute(let base, _), .not(let base), .sign(let base, _): [base]
        case .item(let base, let index): [base, index]
        case .slice(let base, let start, let stop, let step): [base] + [start, stop, step].compactMap { $0 }
        case .call(let base, let arguments), .filter(let base, _, let arguments), .test(let base, _, let arguments): [base] + arguments.all
        case .arithmetic(let left, _, let right), .and(let left, let right), .or(let left, let right): [left, right]
        case .comparison(let first, let rest): [first] + rest.map(\.1)
        case .conditional(let test, let then, let otherwise): [test, then] + (otherwise.map { [$0] } ?? [])
        }
    }

    /// The names that it reads.
    var names: Set<String> {
        if case .name(let name) = form { return [name] }
        return parts.reduce(into: []) { $0.formUnion($1.names) }
    }
}
