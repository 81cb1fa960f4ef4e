/// Matrices that stand in for weights of a model. Each is made when its block is run and let go of after it: of a model that is larger than
/// memory no more than a block's are there at a time.
public struct ReplacedWeights: ExpressibleByDictionaryLiteral {
    /// The tensors that are replaced.
    public let names: Set<String>
    /// What tells the matrices from all others, where that is known without making them: equal identities stand for equal matrices.
    public let identity: String?
    private let make: (String) throws -> Matrix

    /// - Parameters:
    ///   - identity: nil where only the matrices themselves say what they are.
    ///   - make: the matrix [out, in] of one of `names`; called as often as it is needed, from any thread.
    public init(_ names: Set<String>, identity: String? = nil, make: @escaping (String) throws -> Matrix) {
        (self.names, self.identity, self.make) = (names, identity, make)
    }

    /// The matrices of tensors by their place among `names`, each of which stands there once.
    public init(_ names: [String], identity: String? = nil, make: @escaping (Int) throws -> Matrix) {
        let places = Dictionary(uniqueKeysWithValues: names.enumerated().map { ($1, $0) })
        self.init(Set(names), identity: identity) { name in
            guard let place = places[name] else { preconditionFailure("'\(name)' is not replaced") }
            return try make(place)
        }
    }

    /// Matrices that are there already.
    public init(_ matrices: [String: Matrix]) {
        let (names, values) = (Array(matrices.keys), Array(matrices.values))
        self.init(names) { values[$0] }
    }

    public init(dictionaryLiteral elements: (String, Matrix)...) {
        self.init(Dictionary(elements) { first, _ in first })
    }

    public var isEmpty: Bool { names.isEmpty }

    /// Whether a tensor is replaced.
    public func contains(_ name: String) -> Bool { names.contains(name) }

    /// The matrix that stands in for a tensor; nil where none does.
    public func matrix(_ name: String) throws -> Matrix? { names.contains(name) ? try make(name) : nil }

    /// These and others; of a tensor that both replace, the others' matrix.
    public func merging(_ others: ReplacedWeights) -> ReplacedWeights {
        ReplacedWeights(names.union(others.names)) { try others.matrix($0) ?? make($0) }
    }

    /// Those of some tensors.
    public func filter(_ isIncluded: (String) -> Bool) -> ReplacedWeights { ReplacedWeights(names.filter(isIncluded), make: make) }
}
