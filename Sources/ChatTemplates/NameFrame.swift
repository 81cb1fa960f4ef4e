/// What Jinja2's compiler knows of the names of one scope (`idtracking.Symbols`): it decides before anything runs where each is looked for.
struct NameFrame {
    /// Where a name has its first value from.
    enum Origin {
        /// From outside the template, or from a scope around.
        case outside
        /// From nowhere: it is assigned here before it is read here, and until then it is undefined in all scopes within.
        case nowhere
    }

    private(set) var origins: [String: Origin] = [:]
    private var stores: Set<String> = []
    /// Names of the scopes around.
    private let outer: Set<String>

    init(outer: Set<String>, parameters: [String]) {
        self.outer = outer
        for name in parameters { origins[name] = .outside }
    }

    /// Names that the scopes within find.
    var known: Set<String> { outer.union(origins.keys) }

    mutating func load(_ name: String) {
        if origins[name] == nil, !outer.contains(name) { origins[name] = .outside }
    }

    mutating func load(_ expression: Expression) {
        for name in expression.names { load(name) }
    }

    mutating func store(_ name: String) {
        stores.insert(name)
        if origins[name] == nil { origins[name] = outer.contains(name) ? .outside : .nowhere }
    }

    /// Takes over what branches of an `if` do: what is assigned in them alone may have its value from outside.
    mutating func merge(_ branches: [NameFrame]) {
        let before = stores
        for branch in branches {
            origins.merge(branch.origins) { $1 }
            stores.formUnion(branch.stores)
        }
        for name in stores.subtracting(before) { origins[name] = .outside }
    }
}
