/// Names and their values, within those of the scope around.
final class Scope {
    private var values: [String: Value] = [:]
    private let parent: Scope?

    /// - Parameter hidden: names that begin undefined, whatever they are around.
    init(in parent: Scope?, hiding hidden: [String] = []) {
        self.parent = parent
        hide(hidden)
    }

    func hide(_ names: [String]) {
        for name in names { values[name] = .undefined("'\(name)' is undefined") }
    }

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
