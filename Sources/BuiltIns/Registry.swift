import Execution
import FormatKit
import ModelGraph
import PassKit

/// The formats and passes that a program knows: a value, made once in `main`.
public struct Registry: Sendable {
    public var formats: [any Format]
    public var passes: PassCatalog

    public init(formats: [any Format], passes: PassCatalog) {
        self.formats = formats
        self.passes = passes
    }

    /// - Throws: `RegistryError.unknownFormat` with the nearest name.
    public func format(named name: String) throws -> any Format {
        guard let format = formats.first(where: { $0.name == name }) else {
            throw RegistryError.unknownFormat(name, nearest: Spelling.nearest(to: name, among: formats.map(\.name)))
        }
        return format
    }

    /// The format of what is at `path`, by its bytes and then its name.
    ///
    /// - Throws: `FileAccessError` when it cannot be opened, `RegistryError.unrecognised` when no format knows it.
    public func format(at path: String) throws -> any Format {
        let probe = try FileProbe(path: path)
        guard let format = formats.first(where: { $0.recognises(probe) }) else {
            throw RegistryError.unrecognised(path, known: formats.map(\.name))
        }
        return format
    }

    /// The format of that name, if it can be written.
    ///
    /// - Throws: `RegistryError.unknownFormat`, `.readOnly`.
    public func writableFormat(named name: String) throws -> any WritableFormat {
        guard let format = try format(named: name) as? any WritableFormat else { throw RegistryError.readOnly(name) }
        return format
    }

    /// The format that a file name asks for, nil when none does.
    ///
    /// - Throws: `RegistryError.readOnly`.
    public func writableFormat(forOutput path: String) throws -> (any WritableFormat)? {
        guard let dot = path.lastIndex(of: "."), !path[dot...].contains("/") else { return nil }
        let ending = path[path.index(after: dot)...].lowercased()
        guard let format = formats.first(where: { $0.fileExtensions.contains(ending) }) else { return nil }
        guard let format = format as? any WritableFormat else { throw RegistryError.readOnly(format.name) }
        return format
    }
}

public enum RegistryError: RemediableError, CustomStringConvertible {
    case unknownFormat(String, nearest: String?)
    case unrecognised(String, known: [String])
    case noOutputFormat(String)
    case readOnly(String)

    public var remedy: Remedy? {
        switch self {
        case .unrecognised: return .nameInputFormat
        case .noOutputFormat: return .nameOutputFormat
        case .unknownFormat, .readOnly: return nil
        }
    }

    public var description: String {
        switch self {
        case .unknownFormat(let name, let nearest): return "unknown format '\(name)'" + Spelling.question(nearest)
        case .unrecognised(let path, let known):
            return "\(path): is none of \(known.joined(separator: ", "))"
        case .readOnly(let name): return "format '\(name)' can be read, not written"
        case .noOutputFormat(let path): return "\(path): the name does not say which format to write"
        }
    }
}
