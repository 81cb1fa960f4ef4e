/// A pattern for names: `*` stands for any characters, `?` for one; without either it is a part of the name.
public struct NamePattern: Sendable, Equatable {
    public let text: String
    private let characters: [Character]

    /// Nil for an empty pattern.
    public init?(_ text: String) {
        guard !text.isEmpty else { return nil }
        self.text = text
        characters = Array(text.contains("*") || text.contains("?") ? text : "*\(text)*")
    }

    /// In time that is at most the product of both lengths.
    public func matches(_ name: String) -> Bool {
        let name = Array(name)
        var (i, j) = (0, 0)
        var star: (pattern: Int, name: Int)?
        while j < name.count {
            if i < characters.count, characters[i] == "*" {
                star = (i, j)
                i += 1
            } else if i < characters.count, characters[i] == "?" || characters[i] == name[j] {
                i += 1
                j += 1
            } else if let last = star {
                star = (last.pattern, last.name + 1)
                i = last.pattern + 1
                j = last.name + 1
            } else {
                return false
            }
        }
        return characters[i...].allSatisfy { $0 == "*" }
    }
}
