import CCaplet
import CLibrary
import Caplet
import LinearAlgebra

/// Never freed, so that C may keep it.
private nonisolated(unsafe) let version = strdup(Version.text)

@_cdecl("caplet_interface_version")
public func capletInterfaceVersion() -> UInt32 { CAPLET_INTERFACE_VERSION }

@_cdecl("caplet_version")
public func capletVersion() -> UnsafePointer<CChar>? { UnsafePointer(version) }

@_cdecl("caplet_string_free")
public func capletStringFree(_ text: UnsafeMutablePointer<CChar>?) { free(text) }

@_cdecl("caplet_workspace_make")
public func capletWorkspaceMake(
    _ settings: UnsafePointer<CChar>?, _ workspace: UnsafeMutablePointer<OpaquePointer?>?,
    _ message: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> Int32 {
    workspace?.pointee = nil
    return Calls.guarded(message) {
        var json = try RequestReader(settings)
        let threads = try json.count("threads") ?? 0, memory = try json.byteCount("memory"), scratch = try json.text("scratch")
        let plugins = try json.texts("plugins")
        try json.finish()
        guard (0...1024).contains(threads) else { throw RequestError(.usage, "\"threads\" takes 0 … 1024") }
        guard let workspace else { throw RequestError(.usage, "the place for the workspace is NULL") }
        workspace.pointee = Handles.pointer(try Workspace(threads: threads, memory: memory, scratchFolder: scratch, plugins: plugins))
    }
}

@_cdecl("caplet_workspace_free")
public func capletWorkspaceFree(_ workspace: OpaquePointer?) { Handles.free(workspace) }

@_cdecl("caplet_stop_make")
public func capletStopMake() -> OpaquePointer? { Handles.pointer(Cancellation()) }

@_cdecl("caplet_stop_request")
public func capletStopRequest(_ stop: OpaquePointer?) {
    if let stop { Handles.object(stop, Cancellation.self).request() }
}

@_cdecl("caplet_stop_free")
public func capletStopFree(_ stop: OpaquePointer?) { Handles.free(stop) }
