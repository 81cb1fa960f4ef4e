/// Why a chat template cannot be read or rendered.
public struct ChatTemplateError: Error, Equatable, CustomStringConvertible, Sendable {
    /// What sort of thing is in the way.
    public enum Kind: Equatable, Sendable {
        /// The template is no well-formed template.
        case syntax
        /// The template uses what is outside the subset that is evaluated here.
        case unsupported
        /// An operation failed, as it would in Jinja2.
        case evaluation
        /// The template called `raise_exception` itself.
        case raised
        /// A limit of size, depth or steps was reached.
        case limit
    }

    public let kind: Kind
    /// The line of the template, from 1.
    public let line: Int
    public let reason: String

    public var description: String { "chat template, line \(line): \(reason)" }
}

/// What went wrong, before it is known at which line.
struct Fault: Error {
    let kind: ChatTemplateError.Kind
    let reason: String

    init(_ reason: String, _ kind: ChatTemplateError.Kind = .evaluation) {
        self.kind = kind
        self.reason = reason
    }

    static func unsupported(_ what: String) -> Fault { Fault("\(what) is not supported", .unsupported) }

    func at(line: Int) -> ChatTemplateError { ChatTemplateError(kind: kind, line: line, reason: reason) }
}

/// Runs `work`, whose only errors are of one type.
func typed<Result>(line: Int, _ work: () throws -> Result) throws(ChatTemplateError) -> Result {
    do {
        return try work()
    } catch let error as ChatTemplateError {
        throw error
    } catch let fault as Fault {
        throw fault.at(line: line)
    } catch {
        throw ChatTemplateError(kind: .evaluation, line: line, reason: "\(error)")
    }
}
