import CCaplet
import CLibrary
import Caplet

/// What every exported function does alike.
enum Calls {
    typealias Text = UnsafeMutablePointer<CChar>

    /// Runs `body`, and makes a status and a message of what it throws.
    ///
    /// - Parameter message: set to NULL, or to text of the caller's.
    static func guarded(_ message: UnsafeMutablePointer<Text?>?, _ body: () throws -> Void) -> Int32 {
        message?.pointee = nil
        do {
            try body()
            return Int32(CAPLET_STATUS_DONE)
        } catch {
            message?.pointee = text("\(error)" + RemedyText.of((error as? any RemediableError)?.remedy))
            return status(FailureKind(error))
        }
    }

    /// A copy that `caplet_string_free` gives back; its zeros, where it has any, end it.
    static func text(_ text: String) -> Text? { strdup(text) }

    /// - Throws: `RequestError` for NULL and for what is not UTF-8.
    static func string(_ text: UnsafePointer<CChar>?, _ what: String) throws -> String {
        guard let text else { throw RequestError(.usage, "\(what) is NULL") }
        guard let string = String(validatingCString: text) else { throw RequestError(.usage, "\(what) is not UTF-8 text") }
        return string
    }

    private static func status(_ kind: FailureKind) -> Int32 {
        switch kind {
        case .checkFailed: return Int32(CAPLET_STATUS_CHECK_FAILED)
        case .warnings: return Int32(CAPLET_STATUS_WARNINGS)
        case .usage: return Int32(CAPLET_STATUS_USAGE)
        case .malformedInput: return Int32(CAPLET_STATUS_MALFORMED)
        case .cannotOpen: return Int32(CAPLET_STATUS_CANNOT_OPEN)
        case .unsupported: return Int32(CAPLET_STATUS_UNSUPPORTED)
        case .internalError: return Int32(CAPLET_STATUS_INTERNAL)
        case .writeFailed: return Int32(CAPLET_STATUS_WRITE_FAILED)
        case .cancelled: return Int32(CAPLET_STATUS_STOPPED)
        }
    }
}

/// Objects behind pointers that C holds.
enum Handles {
    static func pointer(_ object: AnyObject) -> OpaquePointer { OpaquePointer(Unmanaged.passRetained(object).toOpaque()) }

    static func object<Object: AnyObject>(_ pointer: OpaquePointer, _ type: Object.Type = Object.self) -> Object {
        Unmanaged<Object>.fromOpaque(UnsafeRawPointer(pointer)).takeUnretainedValue()
    }

    /// - Throws: `RequestError` for NULL.
    static func needed<Object: AnyObject>(_ pointer: OpaquePointer?, _ what: String, _ type: Object.Type = Object.self) throws -> Object {
        guard let pointer else { throw RequestError(.usage, "\(what) is NULL") }
        return object(pointer)
    }

    static func free(_ pointer: OpaquePointer?) {
        if let pointer { Unmanaged<AnyObject>.fromOpaque(UnsafeRawPointer(pointer)).release() }
    }
}
