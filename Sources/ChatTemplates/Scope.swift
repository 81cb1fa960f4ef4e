/// Names and their values, within those of the scope around.
final class Scope {
    private var values: [String: Value] = [:]
    private let parent: Scope?

    init(in parent: Scope?) { self.parent = parent }

    subscript(name: String) -> Value? {
        get {
            var scope: Scope? = self
            while let current = scope {
                if let value = current.values[name] { return value }
                scope = current.parent
            }
            return nil
        }
        set { values[name] = newValue }
    }

    /// Forgets all, so that macros that hold their scope do not keep it for ever.
    func clear() { values.removeAll() }
}
