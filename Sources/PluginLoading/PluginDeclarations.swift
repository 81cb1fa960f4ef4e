import CCapletPlugin

/// Reads what a plugin declares, and refuses it with the name of the member that is wrong.
struct PluginDeclarations {
    /// The plugin's file and name, for errors.
    let plugin: String
    let object: String

    func malformed(_ message: String) -> PluginError { PluginError(.malformed, plugin: plugin, object: object, message) }

    func text(_ pointer: UnsafePointer<CChar>?, _ member: String) throws -> String {
        do { return try PluginText.read(pointer) } catch { throw malformed("\(member) \(error)") }
    }

    /// A name that the command line can spell.
    func word(_ pointer: UnsafePointer<CChar>?, _ member: String) throws -> String {
        let text = try text(pointer, member)
        guard PluginText.isWord(text) else {
            throw malformed("\(member) '\(text)' is not small letters, digits and '-', beginning with a letter")
        }
        return text
    }

    /// One line that is not empty.
    func line(_ pointer: UnsafePointer<CChar>?, _ member: String) throws -> String {
        let text = try text(pointer, member)
        guard !text.isEmpty, !text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) else {
            throw malformed("\(member) is not one line of text")
        }
        return text
    }

    /// The elements of an array that is given by a pointer and a count.
    func array<Element>(_ pointer: UnsafePointer<Element>?, _ count: UInt64, _ member: String) throws -> UnsafeBufferPointer<Element> {
        guard count > 0 else { return UnsafeBufferPointer(start: nil, count: 0) }
        guard count <= 4096 else { throw malformed("\(member) has \(count) elements, at most 4096 are taken") }
        guard let pointer else { throw malformed("\(member) is NULL, \(count) elements were declared") }
        return UnsafeBufferPointer(start: pointer, count: Int(count))
    }

    /// Refuses a structure that is shorter than that of this version.
    func checkSize<Struct>(_ size: UInt32, of type: Struct.Type, _ name: String) throws {
        guard size >= MemoryLayout<Struct>.size else {
            throw malformed("\(name) has struct_size \(size), at least \(MemoryLayout<Struct>.size) was expected")
        }
    }
}
