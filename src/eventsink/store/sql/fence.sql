-- Whatever a statement says, nothing outside of this folder is read or written; and nobody can take the fence away.
SET allowed_directories = ['{folder}'];
SET enable_external_access = false
