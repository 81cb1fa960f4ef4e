import CCaplet
import Caplet

@_cdecl("caplet_open")
public func capletOpen(
    _ workspace: OpaquePointer?, _ path: UnsafePointer<CChar>?, _ format: UnsafePointer<CChar>?,
    _ model: UnsafeMutablePointer<OpaquePointer?>?, _ message: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> Int32 {
    model?.pointee = nil
    return Calls.guarded(message) {
        let workspace = try Handles.needed(workspace, "the workspace", Workspace.self)
        let path = try Calls.string(path, "the path")
        let format = try format.map { try Calls.string($0, "the format") }
        guard let model else { throw RequestError(.usage, "the place for the model is NULL") }
        model.pointee = Handles.pointer(OpenedModel(try workspace.perform(OpenRequest(model: path, format: format))))
    }
}

@_cdecl("caplet_close")
public func capletClose(_ model: OpaquePointer?) { Handles.free(model) }

@_cdecl("caplet_describe")
public func capletDescribe(
    _ model: OpaquePointer?, _ description: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?,
    _ message: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> Int32 {
    description?.pointee = nil
    return Calls.guarded(message) {
        let text = try Handles.needed(model, "the model", OpenedModel.self).description()
        description?.pointee = Calls.text(text)
    }
}

@_cdecl("caplet_tensor_values")
public func capletTensorValues(
    _ model: OpaquePointer?, _ name: UnsafePointer<CChar>?, _ array: UnsafeMutablePointer<caplet_array>?,
    _ message: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> Int32 {
    fill(array, of: model, name, message) { try $0.values($1) }
}

@_cdecl("caplet_file_bytes")
public func capletFileBytes(
    _ model: OpaquePointer?, _ name: UnsafePointer<CChar>?, _ array: UnsafeMutablePointer<caplet_array>?,
    _ message: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> Int32 {
    fill(array, of: model, name, message) { try $0.file($1) }
}

@_cdecl("caplet_array_free")
public func capletArrayFree(_ owner: OpaquePointer?) { Handles.free(owner) }

private func fill(
    _ array: UnsafeMutablePointer<caplet_array>?, of model: OpaquePointer?, _ name: UnsafePointer<CChar>?,
    _ message: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?, _ body: (OpenedModel, String) throws -> HeldArray
) -> Int32 {
    array?.pointee = caplet_array()
    return Calls.guarded(message) {
        let model = try Handles.needed(model, "the model", OpenedModel.self)
        let name = try Calls.string(name, "the name")
        guard let array else { throw RequestError(.usage, "the place for the array is NULL") }
        array.pointee = try body(model, name).array()
    }
}
