"""Attribution of predictions to elements of the byte array, and its faithfulness."""
